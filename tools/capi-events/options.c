// SPDX-License-Identifier: GPL-2.0-only
/*
 * The command line.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <misc/capi_echo.h>

#include "capi-events.h"
#include "options.h"

static const char help[] =
"Usage: capi-events [OPTION]... UUID\n"
"\n"
"Open the CAPI mediated device UUID, start its context and print its events.\n"
"\n"
"  --via fd|region|irq   read them from the event fd (default), the events\n"
"                        region, or the event window of BAR0\n"
"  --count N             end after N events (default: go on until ^C)\n"
"  --json                print one JSON object a line\n"
"  --wed VALUE           work element descriptor to start with (default 0)\n"
"\n"
"Where the AFU is the echo AFU, have it raise events:\n"
"  --emit COUNT[:SIZE]   COUNT driver events with SIZE bytes of payload\n"
"  --period USEC         microseconds between them\n"
"  --interrupt K         AFU interrupt K\n"
"  --fault ADDR          a data storage fault at ADDR\n"
"  --error CODE          an AFU error\n"
"\n"
"  --help                print this\n"
"\n"
"Exit status: 0 on success, 1 on an error, 2 on a wrong command line, 3 when the\n"
"device was removed meanwhile.\n";

static void parse_emit(const char *s, struct options *opt)
{
	char *end;

	opt->emit = parse_number(s, &end);
	if (*end == ':') {
		opt->size = parse_number(end + 1, NULL);
		opt->has_size = true;
	} else if (*end) {
		usage("not COUNT[:SIZE]", s);
	}
	if (opt->size > CAPI_ECHO_MAX_SIZE)
		usage("the echo AFU's driver events have at most 32 bytes", s);
}

static void parse_option(int c, struct options *opt)
{
	switch (c) {
	case 'v':
		opt->via = find_source(optarg);
		if (!opt->via)
			usage("--via takes fd, region or irq", optarg);
		break;
	case 'j':
		opt->json = true;
		break;
	case 'n':
		opt->count = parse_number(optarg, NULL);
		break;
	case 'w':
		opt->wed = parse_number(optarg, NULL);
		break;
	case 'e':
		parse_emit(optarg, opt);
		break;
	case 'p':
		opt->period = parse_number(optarg, NULL);
		opt->has_period = true;
		break;
	case 'i':
		opt->interrupt = parse_number(optarg, NULL);
		break;
	case 'f':
		opt->fault = parse_number(optarg, NULL);
		opt->has_fault = true;
		break;
	case 'E':
		opt->error = parse_number(optarg, NULL);
		opt->has_error = true;
		break;
	case 'h':
		fputs(help, stdout);
		exit(EXIT_OK);
	default:
		usage(NULL, NULL);
	}
}

void parse_options(int argc, char **argv, struct options *opt)
{
	static const struct option options[] = {
		{ "via", required_argument, NULL, 'v' },
		{ "json", no_argument, NULL, 'j' },
		{ "count", required_argument, NULL, 'n' },
		{ "wed", required_argument, NULL, 'w' },
		{ "emit", required_argument, NULL, 'e' },
		{ "period", required_argument, NULL, 'p' },
		{ "interrupt", required_argument, NULL, 'i' },
		{ "fault", required_argument, NULL, 'f' },
		{ "error", required_argument, NULL, 'E' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	int c;

	memset(opt, 0, sizeof(*opt));
	opt->via = find_source("fd");

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		parse_option(c, opt);

	if (optind != argc - 1) {
		fprintf(stderr, "capi-events: which mdev? One UUID, please.\n");
		usage(NULL, NULL);
	}
	opt->uuid = argv[optind];
}
