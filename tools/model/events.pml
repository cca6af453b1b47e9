/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A model of the event protocol: cxl/event.c, cxl/reader.c and cxl/limit.c, with
 * readers as fs/eventpoll.c and the wait queue make them sleep, and an AFU driver
 * as cxl/sim/echo_driver.c. What is named as in the code is what it is there;
 * Documentation/model.rst says how the two are laid side by side. check.sh runs
 * it.
 *
 * Memory is sequentially consistent: a step is seen by all at once. Each access
 * that the code makes without a lock is a step of its own. What it does under a
 * lock that covers all it touches is one step, which waits until the lock is
 * free; where something else is waited for, or touched, under the lock, taking
 * it and giving it back are steps.
 *
 *	code				model
 *	events.lock			events.lock, and steps that wait for it
 *	events.turn			events.turn: who has it, or NOBODY
 *	events.driver_pending, .queued	bytes; an atomic operation is one step
 *	events.wait and its lock	asleep[] and ready[]: who is queued; a step
 *	lock of the echo driver		driver.lock
 *
 * Faults of user memory, signals and events that the AFU driver does not give come
 * whenever they like, FAULTS, SIGNALS and NULLS times. All else comes to an end by
 * itself, so that a run without end is a livelock.
 */

/* Who reads: a read() that blocks; poll() and read() with O_NONBLOCK; the same
 * with epoll's EPOLLET, reading until there is nothing; the events region, until
 * there is nothing, when MSI-X vector 0 says so */
#define BLOCK	0
#define LEVEL	1
#define EDGE	2
#define REGION	4
/* Nobody: where a guest that has the window is the other reader */
#define ABSENT	3

#ifndef READER0
#define READER0	BLOCK
#endif
#ifndef READER1
#define READER1	BLOCK
#endif

/* What else happens, at any time: nothing, or one of these */
#define NOTHING		0
#define UNSET		1	/* the AFU driver withdraws */
#define DETACH		2	/* the AFU driver's claim ends, while the AFU works */
#define CLOSE		3	/* stopped, then closed */
#define RESET		4	/* reset, then started again */
#define END		5	/* reader 0 is ended */
#define LINK		6	/* the link goes down */
#define REVOKE		7	/* stopped, closed, then reader 0 is ended */

#ifndef OTHER
#define OTHER	NOTHING
#endif

/* A guest has the event window for a while, as it likes */
#ifndef WINDOW
#define WINDOW	0
#endif

/* Events posted by each poster */
#ifndef POSTS0
#define POSTS0	2
#endif
#ifndef POSTS1
#define POSTS1	1
#endif

/* Which: driver events, and of these what is chosen */
#define IRQ	1
#define FAULT	2
#ifndef GENERIC0
#define GENERIC0	0
#endif
#ifndef GENERIC1
#define GENERIC1	(IRQ | FAULT)
#endif

/* capi_event_set_limit(); 0 for none */
#ifndef LIMIT
#define LIMIT	0
#endif

/* The AFU driver has events of its own, and announces them while the AFU is
 * stopped as well */
#ifndef POSTS_ON
#define POSTS_ON	0
#endif

#ifndef FAULTS
#define FAULTS	1
#endif
#ifndef SIGNALS
#define SIGNALS	0
#endif

/* Times that fetch_event() may return NULL */
#ifndef NULLS
#define NULLS	0
#endif

#define NR_READERS	(READER1 == ABSENT -> 1 : 2)
#define NR_POSTERS	2

/* Whose turn it is: a reader's, by number, or */
#define OTHER_TURN	2
#define NOBODY		255

mtype:errno = {
	SIZE, EAGAIN, EIO, EBUSY, EFAULT, EINVAL, EPERM, ECANCELED, ERESTARTSYS
};

mtype:what_state = {
	READER_LINK_DOWN, READER_SHUT_OUT, READER_PENDING, READER_CLOSED,
	READER_IDLE
};

mtype:event_type = { CXL_EVENT_AFU_DRIVER, CXL_EVENT_AFU_INTERRUPT, CXL_EVENT_DATA_STORAGE };

mtype:context_state = { CAPI_CONTEXT_STARTED, CAPI_CONTEXT_CLOSED };

typedef capi_event {
	byte token;		/* 0 for none */
	bool ops;		/* a driver event: there are ops that fetched it */
	bool driver;		/* what these gave, or NULL */
	mtype:event_type type
};

typedef capi_events {
	bool lock;
	bool ops;		/* set, or NULL */
	byte driver_pending;
	byte queued;
	bool irqs;		/* the one that the model has */
	bool fault;
	capi_event held;
	byte last_token;
	bool window;
	byte turn;
	bool turned_away
};

/* struct cxl_context, and what else the readers and the user see */
capi_events events;
mtype:context_state ctx_state = CAPI_CONTEXT_STARTED;
bool link_up = true;
bool ended[2];		/* struct capi_event_reader */
bool asleep[2];	/* in events.wait, by wait_event() or poll() */
bool ready[2];		/* in epoll's list of those that are ready */
bool msix;			/* vector 0 was raised, for who has the window */
bool told[2];		/* and for who reads the region */

/* The AFU driver, as the echo AFU's: struct echo_driver */
typedef echo_driver {
	bool lock;
	byte unannounced;
	byte number;		/* of the event that is fetched next */
	byte posted;		/* how many it has taken so far */
	bool refused;		/* the AFU has more, and waits for this to clear */
	bool working		/* the AFU is */
};

echo_driver driver;

/* What is checked. None of this has any effect on the rest. */
bool fetched;			/* fetch_event() was called, and not yet answered */
bool got;			/* a reader has what was fetched */
bool shown;			/* the window shows what is held */
bool withdrawn;			/* cxl_unset_driver_ops() returned 0, or detached */
byte read_number;		/* driver events up to here were read or cancelled */
short irq_balance;		/* raised, less those read, coalesced, cancelled */
short fault_balance;		/* raised, less those read, overrun, cancelled */
byte posters_gone;
byte readers_gone;
bool other_gone;
bool guest_gone;
bool over;			/* the context is closed for good */

/* What comes from outside, bounded */
byte faults = FAULTS;
byte signals = SIGNALS;
byte nulls = NULLS;

/* Locks */

#define spin_lock(l)	atomic { !(l) -> l = true }
#define spin_unlock(l)	l = false

/*
 * Where nobody tries the turn, none but who waits for it can tell when it was
 * taken: taking it is one step with the next then.
 */
#ifdef MISTAKE_REGION_TURNED_AWAY
#define tries(k)	(k != BLOCK)
#else
#define tries(k)	(k == LEVEL || k == EDGE)
#endif
#define TRYLOCK		(tries(READER0) || tries(READER1))
#if TRYLOCK
#define with_turn
#else
#define with_turn	atomic
#endif

inline mutex_lock_turn(who)
{
	atomic { events.turn == NOBODY -> events.turn = who }
}

/* Who is turned away says so, and tries once more: see take_turn(). */
#if !TRYLOCK || defined(MISTAKE_TURNED_AWAY)
#define wake_turned_away()	skip
#else
inline wake_turned_away()
{
	if
	:: events.turned_away ->
		/* xchg(); with the check behind it */
		if
		:: atomic { events.turned_away -> events.turned_away = false };
			wake_up_all()
		:: else
		fi
	:: else
	fi
}
#endif

inline capi_events_end_turn()
{
	events.turn = NOBODY;
	wake_turned_away()
}

/* The wait queue: wakes whoever sleeps in it, and tells epoll */

inline wake_up_all()
{
	d_step {
		asleep[0] = false;
		asleep[1] = false;
		ready[0] = (READER0 == EDGE);
		ready[1] = (READER1 == EDGE)
	}
}

/* Then user->event: context_event() of mdev/device.c */
inline capi_events_wake()
{
	wake_up_all();
#if WINDOW
	msix = true;
#endif
#if READER0 == REGION || READER1 == REGION
	d_step {
		told[0] = (READER0 == REGION);
		told[1] = (READER1 == REGION)
	}
#endif
}

/* Waking, and giving a lock back behind it, are one step where nobody looks at
 * what is between. */
#if WINDOW || READER0 == REGION || READER1 == REGION
#define without_window
#else
#define without_window	atomic
#endif

#define capi_events_pending_locked				\
	(events.held.token || events.irqs || events.fault ||	\
	 (events.ops && events.driver_pending))

/* cxl/limit.c. The loop around atomic_try_cmpxchg() is one step: what it does is
 * done when that succeeds. */

#if LIMIT
#define room		(events.queued < LIMIT -> LIMIT - events.queued : 0)
#define without_limit
#else
/* Nobody can tell how much is queued. */
#define room		255
#define without_limit	atomic
#endif
#define capi_event_room	room

/* It is all taken: nobody announces more than there is room for. */
inline capi_event_take_room(wanted)
{
	assert(wanted <= room);
	events.queued = events.queued + wanted
}

inline capi_event_give_room(n)
{
	assert(events.queued >= n);
	events.queued = events.queued - n
}

/* Raising */

/*
 * Caller holds driver.lock, which fetch_event() takes under events.lock, and has
 * asked for room under it; this gives it back. Only who has that lock looks at
 * how much room there is, so that taking room is one step with asking.
 */
inline cxl_context_events_pending(new_events)
{
#ifdef MISTAKE_DEADLOCK
	spin_lock(events.lock);
#endif
#ifdef MISTAKE_WAKE_TOO_EARLY
	capi_events_wake();
#endif
	events.driver_pending = events.driver_pending + new_events;
#ifdef MISTAKE_DEADLOCK
	spin_unlock(events.lock);
#endif
	without_window {
#ifndef MISTAKE_WAKE_TOO_EARLY
		capi_events_wake();
#endif
		new_events = 0;
		driver.lock = false
	}
}

inline capi_raise_afu_irq()
{
	atomic {
		!events.lock;
		if
		:: events.irqs		/* coalesced */
		:: else -> events.irqs = true; irq_balance++
		fi;
		posts--
	};
	capi_events_wake()
}

#define holds(t)	(events.held.token && events.held.type == t)

inline capi_raise_fault()
{
	atomic {
		!events.lock;
		if
		:: events.fault || holds(CXL_EVENT_DATA_STORAGE)	/* overrun */
		:: else -> events.fault = true; fault_balance++
		fi;
		posts--
	};
	capi_events_wake()
}

/* The AFU driver, cxl/sim/echo_driver.c. The echo AFU's events have numbers that
 * follow each other: fetch_event() gives the oldest, event_delivered() drops it. */

/* Caller holds driver.lock. How many are to be announced: @n */
inline announce(n)
{
	n = (driver.unannounced < capi_event_room ->
	     driver.unannounced : capi_event_room);
	driver.unannounced = driver.unannounced - n;
	capi_event_take_room(n);
	if
	:: n == 0 -> driver.lock = false
	:: else
	fi
}

/* Takes one event. @taken: false where there is no room; then the AFU waits. */
inline sim_echo_driver_post(taken, n)
{
	atomic {
		!driver.lock ->
		driver.lock = true;
		taken = (capi_event_room > driver.unannounced);
		if
		:: taken ->
			posts--;
			driver.posted++;
			driver.unannounced++
		:: else -> driver.refused = true
		fi;
		announce(n)
	};
	if
	:: n -> cxl_context_events_pending(n)
	:: else
	fi
}

/* Runs under events.lock. @given: an event, or NULL */
inline echo_fetch_event(given)
{
	/* spin_lock(driver.lock), and back */
	!driver.lock;
	assert(!withdrawn);
	assert(!fetched);
	assert(driver.number < driver.posted);
	fetched = true;
	got = false;
	if
	:: given = true
	:: nulls -> nulls--
	fi
}

/* Runs without spinlocks, under the turn. */
inline echo_event_delivered(rc_, n)
{
	atomic {
		!driver.lock ->
		driver.lock = true;
		assert(!withdrawn);
		assert(fetched);
		/* It is told what happened. */
		assert(got == (rc_ == 0));
		fetched = false;
		got = false;
		driver.refused = false;
		if
		:: rc_ == 0 -> driver.number++
		:: rc_ == ECANCELED -> driver.number++; read_number++
		:: else -> driver.unannounced++
		fi;
		announce(n)
	};
	if
	:: n -> cxl_context_events_pending(n)
	:: else
	fi
}

inline echo_flush()
{
	atomic {
		!driver.lock ->
		assert(!withdrawn);
		driver.number = driver.posted;
		read_number = driver.posted;
		driver.unannounced = 0;
		driver.refused = false
	}
}

/* Taking; @e is a struct capi_event of the caller's */

#define forget(e)	e.token = 0; e.ops = false; e.driver = false; e.type = 0

inline copy_held(e)
{
	e.token = events.held.token;
	e.ops = events.held.ops;
	e.driver = events.held.driver;
	e.type = events.held.type
}

/* The code clears the token, and then looks at nothing else. */
inline clear_held()
{
	events.held.token = 0;
	events.held.ops = false;
	events.held.driver = false;
	events.held.type = 0
}

inline hold(e)
{
	events.last_token++;
	e.token = events.last_token;
	events.held.token = e.token;
	events.held.ops = e.ops;
	events.held.driver = e.driver;
	events.held.type = e.type
}

inline fetch(e, rc_)
{
	events.driver_pending--;
	e.ops = true;
	echo_fetch_event(e.driver);
	if
	:: e.driver -> e.type = CXL_EVENT_AFU_DRIVER
	:: else -> rc_ = EINVAL
	fi
}

inline take_generic(e, rc_)
{
	if
	:: events.irqs ->
		events.irqs = false;
		e.type = CXL_EVENT_AFU_INTERRUPT
	:: !events.irqs && events.fault ->
		events.fault = false;
		e.type = CXL_EVENT_DATA_STORAGE
	:: else -> rc_ = EAGAIN
	fi
}

/*
 * capi_event_take(), for who holds the turn, is take() and tell_bad(). Taking is
 * one step, unless fetch_event() has to wait for its lock: then others see
 * events.lock taken. @rc_: 0, EAGAIN, or EINVAL, which becomes EFAULT.
 */
inline take(e, keep, rc_)
{
	atomic {
		!events.lock ->
		events.lock = true;
		rc_ = 0;
		if
		:: events.held.token ->
			copy_held(e)
		:: !events.held.token && events.ops && events.driver_pending ->
			fetch(e, rc_);
			if
			:: rc_ == 0 -> hold(e)
			:: else
			fi
		:: else ->
			take_generic(e, rc_);
			if
			:: keep && rc_ == 0 -> hold(e)
			:: else
			fi
		fi;
		events.lock = false
	}
}

inline tell_bad(e, rc_, n)
{
	if
	:: rc_ == EINVAL ->
		tell(e, EINVAL, n);		/* It was not held. */
		atomic { forget(e); rc_ = EFAULT }
	:: else
	fi
}

/* capi_event_untake(), for who holds the turn: its first step */
inline unhold(e)
{
	if
	:: e.ops
	:: else ->
		atomic {
			!events.lock ->
			clear_held();
			if
#ifndef MISTAKE_LOST_EVENT
			:: e.type == CXL_EVENT_AFU_INTERRUPT ->
				if
				:: events.irqs -> irq_balance--	/* coalesced */
				:: else -> events.irqs = true
				fi
			:: e.type == CXL_EVENT_DATA_STORAGE ->
				if
				:: events.fault -> fault_balance--	/* overrun */
				:: else -> events.fault = true
				fi
#endif
			:: else
			fi
		}
	fi
}

inline capi_event_untake(e)
{
	unhold(e);
	if
	:: e.ops
	:: else -> capi_events_wake()
	fi
}

/* Settling */

/*
 * capi_event_settle(), for who holds the turn, is release() and tell(). @n: see
 * announce().
 */
inline release(e, rc_)
{
	/* What the window shows, its guest may have taken. */
	assert(rc_ != EFAULT || !shown);
	if
	:: e.token -> atomic {
		!events.lock ->
		clear_held();
		shown = false
	   }
	:: else
	fi
}

inline tell(e, rc_, n)
{
	if
	:: e.ops ->
#ifdef MISTAKE_ROOM_TOO_LATE
		echo_event_delivered(rc_, n);
		capi_event_give_room(1)
#else
		without_limit { capi_event_give_room(1); echo_event_delivered(rc_, n) }
#endif
	:: else
	fi
}

inline capi_event_settle(e, rc_, n)
{
	release(e, rc_);
	tell(e, rc_, n)
}

/* Caller holds events.lock, and gives it back with the last step. */
inline drop_announced(n)
{
	atomic { n = events.driver_pending; events.driver_pending = 0 };
	atomic { capi_event_give_room(n); n = 0; events.lock = false }
}

/*
 * Caller holds the turn. Nobody announces as often as MAX_FLUSHES times here. The
 * mistake is what was once done: what comes behind the AFU driver's flush is
 * forgotten without it.
 */
inline flush(n)
{
	do
	:: true ->
		spin_lock(events.lock);
		drop_announced(n);
		if
		:: events.ops -> echo_flush()
		:: else -> break
		fi;
#ifdef MISTAKE_FORGOTTEN
		spin_lock(events.lock);
		drop_announced(n);
#endif
		if
		:: events.driver_pending == 0 -> break
		:: else
		fi
	od
}

/* Caller holds the turn. */
inline throw_away(e, n)
{
	atomic {
		!events.lock ->
		events.lock = true;
		copy_held(e);
		irq_balance = irq_balance - events.irqs - holds(CXL_EVENT_AFU_INTERRUPT);
		fault_balance = fault_balance - events.fault - holds(CXL_EVENT_DATA_STORAGE);
		events.irqs = false;
		events.fault = false;
		events.lock = false
	};
	if
	:: e.token -> capi_event_settle(e, ECANCELED, n)
	:: else
	fi;
	flush(n);
	atomic { forget(e) }
}

/* Caller holds ctx->mutex, as nobody else here who takes that. */
inline capi_events_cancel(e, n)
{
	mutex_lock_turn(OTHER_TURN);
	throw_away(e, n);
	capi_events_end_turn()
}

inline capi_events_end(e, n)
{
	mutex_lock_turn(OTHER_TURN);
	throw_away(e, n);
	spin_lock(events.lock);
	events.ops = false;
	drop_announced(n);
	capi_events_end_turn();
	withdrawn = true
}

inline capi_context_set_state(s)
{
	atomic { !events.lock -> ctx_state = s };
	if
	:: s == CAPI_CONTEXT_CLOSED ->
#ifdef MISTAKE_HANG_AT_CLOSE
		skip
#else
		capi_events_wake()
#endif
	:: else
	fi
}

inline capi_context_set_link(up)
{
	atomic { !events.lock -> link_up = up };
	capi_events_wake()
}

/* Returns 0 or EBUSY. */
inline cxl_unset_driver_ops(rc_)
{
#ifndef MISTAKE_AFTER_UNSET
	mutex_lock_turn(OTHER_TURN);
#endif
	atomic {
		!events.lock ->
		if
		:: events.ops && (events.driver_pending ||
				  (events.held.token && events.held.ops)) ->
			rc_ = EBUSY
		:: else ->
			events.ops = false;
			rc_ = 0
		fi
	};
#ifndef MISTAKE_AFTER_UNSET
	capi_events_end_turn()
#endif
}

/* Readers: cxl/reader.c. @me is the reader; @state, @rc, @e and @n are its own. */

#define reader_state_locked						\
	((ended[me] || !link_up) -> READER_LINK_DOWN :			\
	 (events.window -> READER_SHUT_OUT :				\
	  (capi_events_pending_locked -> READER_PENDING :		\
	   (ctx_state == CAPI_CONTEXT_CLOSED -> READER_CLOSED : READER_IDLE))))

inline reader_state()
{
	atomic { !events.lock -> state = reader_state_locked }
}

#define check_reader							\
	(state == READER_LINK_DOWN -> EIO :				\
	 (state == READER_SHUT_OUT -> EBUSY : 0))

/* In the queue before it looks, so that who wakes it after that is not missed */
inline wait_event_interruptible()
{
	do
	:: true ->
#ifdef MISTAKE_LOST_WAKEUP
		reader_state();
		asleep[me] = true;
#else
		asleep[me] = true;	/* prepare_to_wait() */
		reader_state();
#endif
		atomic {
			if
			:: state != READER_IDLE -> asleep[me] = false; break
			:: else -> state = 0
			fi
		};
		/* schedule() */
		if
		:: !asleep[me]
		:: atomic {
			signals -> signals--;
			asleep[me] = false;
			rc = ERESTARTSYS;
			break
		   }
		fi
	od
}

inline wait_for_event()
{
	atomic {
		reader_state();
		rc = (nonblock && state == READER_IDLE -> EAGAIN : 0)
	};
#ifdef MISTAKE_NONBLOCK_SLEEPS
	/* Looks again: what it saw may be gone. */
	if
	:: rc == 0 -> reader_state(); assert(state != READER_IDLE || !nonblock)
	:: else
	fi;
#endif
	if
	:: state == READER_IDLE && rc == 0 -> wait_event_interruptible()
	:: else
	fi;
	atomic { rc = (rc -> rc : check_reader); state = 0 }
}

/* mutex_trylock() is one step, mutex_lock_interruptible() waits. */
inline take_turn()
{
	if
	:: tries(kind) ->
		if
		:: atomic { events.turn == NOBODY -> events.turn = me }
		:: else ->
			events.turned_away = true;
			if
			:: atomic { events.turn == NOBODY -> events.turn = me }
			:: else -> rc = EAGAIN
			fi
		fi
	:: else ->
		if
		:: atomic { events.turn == NOBODY -> events.turn = me }
		:: atomic { signals && events.turn != NOBODY ->
			signals--; rc = ERESTARTSYS }
		fi
	fi
}

/* What the caller of read() has from now on. Checked here: each once. */
inline user_has(e)
{
	if
	:: e.ops ->
		assert(read_number < driver.posted);
		read_number++
	:: else ->
		if
		:: e.type == CXL_EVENT_AFU_INTERRUPT ->
			irq_balance--;
			assert(irq_balance >= 0)
		:: else ->
			fault_balance--;
			assert(fault_balance >= 0)
		fi
	fi
}

/*
 * Copying touches nothing that is shared, hence it is one step with the first of
 * capi_event_settle() or capi_event_untake().
 */
inline copy_event()
{
	if
	:: atomic {
		true ->
		assert(!ended[me] && !(e.ops && withdrawn));
		assert(!e.ops || (fetched && !got));
		got = e.ops;
		user_has(e);
#ifdef MISTAKE_DOUBLED_EVENT
		events.turn = NOBODY
	   };
		mutex_lock_turn(me);
		atomic {
#endif
		release(e, 0)
	   };
		tell(e, 0, n);
		rc = SIZE
	:: atomic { faults -> faults--; unhold(e) };
		if
		:: e.ops
		:: else -> capi_events_wake()
		fi
	fi
}

/* The first step of deliver() */
inline begin_delivery()
{
#ifdef MISTAKE_READ_AFTER_END
	rc = 0
#else
	atomic { reader_state(); rc = check_reader; state = 0 }
#endif
}

inline deliver()
{
	if
	:: rc == 0 ->
		take(e, false, rc);
		tell_bad(e, rc, n);
		if
		:: rc == EFAULT
#ifdef MISTAKE_NO_END
		:: rc == EAGAIN
#else
		:: rc == EAGAIN ->
			atomic {
				reader_state();
				rc = (state == READER_CLOSED -> EIO : EAGAIN);
				state = 0
			}
#endif
		:: rc == 0 -> copy_event()
		fi
	:: else
	fi
}

inline fail_held()
{
	with_turn {
		mutex_lock_turn(me);
		if
#ifdef MISTAKE_WINDOW_FAILED
		:: e.token && events.held.token == e.token ->
#else
		:: e.token && events.held.token == e.token && !events.window ->
#endif
			bad = true;
			release(e, EFAULT)
		:: else
		fi
	};
	if
	:: bad -> bad = false; tell(e, EFAULT, n)
	:: else
	fi;
	capi_events_end_turn()
}

/* The buffer is there now, or a signal came first, or it is bad. */
inline fault_in()
{
	if
	:: true
	:: atomic { signals -> signals--; rc = ERESTARTSYS }
	:: fail_held(); rc = EFAULT
	fi
}

inline capi_event_read()
{
	do
	:: true ->
		wait_for_event();
		if
		:: rc == 0 ->
			with_turn {
				take_turn();
				if
				:: rc == 0 -> begin_delivery()
				:: else -> break
				fi
			}
		:: else -> break
		fi;

		deliver();
		capi_events_end_turn();
		if
		:: rc == 0 -> fault_in()
		:: else
		fi;
		atomic {
			if
			:: rc == EAGAIN && !nonblock -> rc = 0
			:: else
			fi;
			forget(e);
			if
			:: rc != 0 -> break
			:: else
			fi
		}
	od
}

/* Programs */

/*
 * poll() and epoll_wait(): until there is something to read, or an error. Who reads
 * the region does so at once.
 */
inline wait_to_read()
{
	do
	:: kind == REGION -> atomic { told[me] -> told[me] = false; break }
	:: kind != REGION ->
		if
		:: kind == LEVEL -> asleep[me] = true
		:: else -> atomic { ready[me] -> ready[me] = false }
		fi;
		reader_state();		/* capi_event_poll() */
		if
		:: state != READER_IDLE -> break
		:: state == READER_IDLE && kind == LEVEL -> !asleep[me]
		:: else
		fi
	od;
	atomic { asleep[me] = false; state = 0; wait = false }
}

proctype reader(byte me; byte kind)
{
	mtype:what_state state;
	mtype:errno rc;
	capi_event e;
	byte n;
	bool bad;
	bool nonblock = (kind != BLOCK);
	bool wait = nonblock;

	do
	:: wait -> wait_to_read()
	:: else ->
		capi_event_read();
		if
		:: rc == EIO ->
#if OTHER == RESET
			(ctx_state != CAPI_CONTEXT_CLOSED || over);
			if
			:: over -> break
			:: else -> wait = nonblock
			fi
#else
			break
#endif
		:: rc == SIZE -> wait = (kind == LEVEL)
		:: rc == EAGAIN -> wait = true
		:: rc == EBUSY ->
			/* The guest's turn. One that blocks comes back later. */
			if
			:: kind == EDGE || kind == REGION -> wait = true
			:: else -> !events.window
			fi
		:: else			/* EFAULT, ERESTARTSYS: try again */
		fi;
		rc = 0
	od;
	/* Nothing is to be read through it any more, or by anybody. */
	assert(ended[me] || !link_up || ctx_state == CAPI_CONTEXT_CLOSED);
	readers_gone++
}

proctype poster(byte posts; byte generic)
{
	bool taken;
	byte n;

	do
	:: posts == 0 || !driver.working -> break
	:: posts && driver.working ->
		if
		:: true ->
			sim_echo_driver_post(taken, n);
			if
			:: taken -> taken = false
			:: else -> !driver.refused || !driver.working || withdrawn
			fi
		:: generic & IRQ -> capi_raise_afu_irq()
		:: generic & FAULT -> capi_raise_fault()
		fi
	od;
	atomic { taken = false; posters_gone++ }
}

/* The window, cxl/reader.c; its caller holds capi_mdev.lock */

inline capi_event_reader_end(reader_)
{
	with_turn { mutex_lock_turn(OTHER_TURN); ended[reader_] = true };
	capi_events_end_turn();
	wake_up_all()
}

inline capi_event_window_enable(enable)
{
	with_turn {
		mutex_lock_turn(OTHER_TURN);
		atomic {
			!events.lock ->
			events.window = enable;
			copy_held(e);
			shown = shown && enable
		}
	};
	if
	:: !enable && e.token -> capi_event_untake(e)
	:: else
	fi;
	capi_events_end_turn();
	capi_events_wake();
	atomic { forget(e) }
}

/* @e is what it shows. */
inline capi_event_look()
{
	with_turn {
		mutex_lock_turn(OTHER_TURN);
		if
		:: !events.window -> rc = EPERM
		:: events.window && !link_up -> rc = EIO
		:: else -> take(e, true, rc)
		fi
	};
	tell_bad(e, rc, n);
	atomic { shown = (rc == 0); events.turn = NOBODY };
	wake_turned_away()
}

#ifdef MISTAKE_STALE_TOKEN
#define current_token	(events.window && e.token)
#else
#define current_token	\
	(events.window && e.token && events.held.token == e.token)
#endif

inline capi_event_acknowledge()
{
	with_turn {
		mutex_lock_turn(OTHER_TURN);
		if
		:: current_token -> atomic {
			assert(shown);
			assert(!e.ops || (fetched && !got));
			got = e.ops;
			user_has(e);
			release(e, 0)
		   }
		:: else ->
			/* Only who throws all away may have settled it. */
			assert(OTHER == REVOKE || OTHER == RESET || OTHER == CLOSE);
			atomic { forget(e) }
		fi
	};
	tell(e, 0, n);
	capi_events_end_turn()
}

/* A guest, through mdev/window.c. It is told by MSI-X, and leaves when it likes,
 * whatever is shown. */

bool leave;

proctype guest()
{
	mtype:errno rc;
	capi_event e;
	byte n;
	bool patient, drain;

	if
	:: patient = true
	:: patient = false
	fi;
	capi_event_window_enable(true);
	do
	:: atomic { msix -> msix = false; drain = true };
		do
		:: drain ->
			capi_event_look();
			if
			:: rc == 0 ->
				if
				:: capi_event_acknowledge()
				:: !patient -> drain = false
				fi
			:: rc == EFAULT		/* Looks for the next. */
			:: else -> drain = false
			fi;
			atomic { forget(e); rc = 0 }
		:: else -> break
		od
	:: !patient || leave -> break
	od;
	atomic { forget(e); patient = false };
	capi_event_window_enable(false);
	guest_gone = true
}

/* What else happens */

/* The AFU driver tries again when all it had is delivered, or gives up. */
inline unset()
{
	do
	:: true ->
		cxl_unset_driver_ops(rc);
		if
		:: rc == 0 -> withdrawn = true; break
		:: else ->
			rc = 0;
			if
			:: !driver.lock && !fetched &&
			   driver.number == driver.posted
			:: break
			fi
		fi
	od
}

/* capi_context_stop_locked(): the AFU does nothing any more when it returns. */
inline stop()
{
#if !POSTS_ON
	driver.working = false;
	posters_gone == NR_POSTERS;
#endif
	capi_context_set_state(CAPI_CONTEXT_CLOSED)
}

proctype other()
{
	mtype:errno rc;
	capi_event e;
	byte n;

#if OTHER == UNSET
	unset();
#elif OTHER == DETACH
	capi_events_end(e, n);
#elif OTHER == CLOSE
	stop();
	capi_events_end(e, n);
#elif OTHER == RESET
	stop();
	capi_events_cancel(e, n);
	capi_context_set_state(CAPI_CONTEXT_STARTED);
#if !POSTS_ON
	driver.working = true;
	run poster(1, GENERIC0);
	posters_gone == NR_POSTERS + 1;
#endif
#elif OTHER == END
	capi_event_reader_end(0);
#elif OTHER == LINK
	capi_context_set_link(false);
#elif OTHER == REVOKE
	stop();
	capi_events_end(e, n);
	capi_event_reader_end(0);
#endif
	other_gone = true
}

#define all_quiet	(events.turn == NOBODY && !events.lock && !driver.lock)

init {
	byte n;
	capi_event e;

	atomic {
		events.turn = NOBODY;
		events.ops = true;
		driver.working = true;
		/* EPOLL_CTL_ADD looks once. */
		ready[0] = (READER0 == EDGE);
		ready[1] = (READER1 == EDGE);
		run reader(0, READER0);
#if READER1 != ABSENT
		run reader(1, READER1);
#endif
		run poster(POSTS0, GENERIC0);
		run poster(POSTS1, GENERIC1);
#if WINDOW
		run guest();
#endif
		run other()
	};

#if WINDOW
	timeout;
	assert(all_quiet);
	if
	:: events.window ->
		/* The guest was told of all there was to look at. */
		assert(!link_up || !capi_events_pending_locked);
		leave = true
	:: else
	fi;
#endif

	/* Nothing moves: whoever waits has nothing to wait for. */
	timeout;
	assert(all_quiet);
	assert(other_gone);
	assert(guest_gone == WINDOW);
	assert(posters_gone >= NR_POSTERS);
	if
	:: readers_gone < NR_READERS ->
		assert(!capi_events_pending_locked);
		assert(irq_balance == 0 && fault_balance == 0);
		if
		:: !withdrawn ->
			assert(driver.unannounced == 0 && !fetched);
			assert(read_number == driver.posted);
			assert(driver.number == driver.posted);
			assert(events.queued == 0)
		:: else
		fi
	:: else
	fi;

	/* All is over: nobody is left behind, whatever they wait for. */
	over = true;
	capi_context_set_state(CAPI_CONTEXT_CLOSED);
	capi_events_end(e, n);
	readers_gone == NR_READERS;
	assert(!fetched && !events.held.token && all_quiet);
	assert(irq_balance == 0 && fault_balance == 0);
	assert(events.queued == events.driver_pending)
}
