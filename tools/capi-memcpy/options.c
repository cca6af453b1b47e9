// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line.
 */
#include <ctype.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "capi-memcpy.h"
#include "options.h"

static const char help[] =
"Usage: capi-memcpy [OPTION]... [FILE]\n"
"\n"
"Let a memcpy AFU copy memory: FILE, mapped, or a pattern. Check every byte of the\n"
"copy, and print how fast it went.\n"
"\n"
"  -d, --device NODE     the AFU's node, as /dev/cxl/afu0.0s (default: that of the\n"
"                        first memcpy AFU)\n"
"  -s, --size SIZE       how much of the pattern; with K, M or G behind it, KiB,\n"
"                        MiB or GiB (default 64M)\n"
"  -p, --processes N     how many processes share the work, each with a context of\n"
"                        its own (default 1)\n"
"  -h, --help            print this\n"
"\n"
"Exit status: 0 on success, 1 on an error, 2 on a wrong command line, 3 when a byte\n"
"of the copy is wrong.\n";

static unsigned long long parse_size(const char *s)
{
	static const char suffixes[] = "KMG";
	unsigned long long value;
	unsigned int shift = 0;
	const char *suffix;
	char *end;

	value = parse_number(s, &end);
	if (*end) {
		suffix = strchr(suffixes, toupper((unsigned char)*end));
		if (!suffix || end[1])
			usage("not a size, as 4096, 64K, 1M or 2G", s);
		shift = 10 * (suffix - suffixes + 1);
	}
	if (value > (unsigned long long)LLONG_MAX >> shift)
		usage("too large a size", s);
	return value << shift;
}

static unsigned int parse_processes(const char *s)
{
	unsigned long long value;
	char *end;

	value = parse_number(s, &end);
	if (*end || !value || value > MAX_PROCESSES)
		usage("not a number of processes, 1 to 511", s);
	return value;
}

void parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option options[] = {
		{ "device", required_argument, NULL, 'd' },
		{ "size", required_argument, NULL, 's' },
		{ "processes", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	bool has_size = false;
	int c;

	*opt = (struct options){ .size = 64 << 20, .processes = 1 };

	while ((c = getopt_long(argc, argv, "d:s:p:h", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			opt->node = optarg;
			break;
		case 's':
			opt->size = parse_size(optarg);
			has_size = true;
			break;
		case 'p':
			opt->processes = parse_processes(optarg);
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			usage(NULL, NULL);
		}
	}

	if (optind < argc)
		opt->file = argv[optind++];
	if (optind < argc)
		usage("one file at a time, please", argv[optind]);
	if (opt->file && has_size)
		usage("a file has its own size: no --size, please", opt->file);
}
