package doubleit;

import java.util.ArrayDeque;
import java.util.LinkedHashSet;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.TimeUnit;

/**
 * Memory that requests claim before they are read.
 *
 * <p>A claim that does not fit waits for those that are held, in order; meanwhile its connection is
 * not read, so that TCP holds the client back. While claims wait, clients that neither send nor read
 * lose theirs. Responses that clients have not read yet cannot wait; they may exceed the limit, and
 * keep large requests from being started.
 */
final class Budget {
    /** After this time, a claim that waits is refused. */
    private static final long WAIT_NANOS = TimeUnit.SECONDS.toNanos(30);

    /** While others wait, a client must move MOVED_BYTES, or the rest of its message, in this time. */
    static final long STALLED_NANOS = TimeUnit.SECONDS.toNanos(5);

    private static final long MOVED_BYTES = 256 << 10;

    /** Further claims are refused at once: what their connections have read takes memory, too. */
    private static final int WAITING = 4000;

    /** What one connection holds of a budget. */
    static final class Share {
        private final Budget budget;
        private final InTurn owner;
        private volatile long bytes;
        private volatile long asked;
        private long since;

        /** Whether the memory is in use for as long as the client takes to send or read. */
        private boolean client;

        private long moved;

        /** Whether its owner was told to close, which has not happened yet. */
        private volatile boolean leaving;

        Share(Budget budget, InTurn owner) {
            this.budget = budget;
            this.owner = owner;
        }

        /** Claim `total` bytes in all; return false if the owner is told later (resume, refused). */
        boolean take(long total) {
            return total <= bytes || budget.take(this, total, true);
        }

        /** Claim `total` bytes in all if they are free now. */
        boolean grow(long total) {
            return total <= bytes || budget.take(this, total, false);
        }

        /** Hold `total` bytes from now on, whether they are free or not. */
        void set(long total, boolean dependsOnClient) {
            if (total > 0 || bytes > 0 || asked > 0) {
                budget.set(this, total, dependsOnClient);
            }
        }

        /** Whether the owner waits for a claim. */
        boolean waits() {
            return asked > 0;
        }
    }

    private final long limit;

    /** Beyond this, clients are closed at once, those that have been silent the longest first. */
    private final long most;

    private final Set<Share> holders = new LinkedHashSet<>();
    private final Queue<Share> waiting = new ArrayDeque<>();
    private long total;

    /** The part of `total` whose owners are being closed. */
    private long leaving;

    private boolean watching;

    /** When a large request could start for the last time; set while the budget is watched. */
    private long startable;

    Budget(long limit, long most) {
        this.limit = limit;
        this.most = most;
    }

    /**
     * Whether a large request may start: its response will not exceed `most`, together with the
     * response of another one unless it runs alone, and with responses that are not held yet.
     */
    synchronized boolean mayStart(boolean alone, long responses) {
        return total - leaving + responses <= most - (alone ? 1 : 2) * limit;
    }

    private synchronized boolean take(Share share, long bytes, boolean wait) {
        if (share.asked > 0) {
            return false;
        }
        if (waiting.isEmpty() && fits(share, bytes)) {
            hold(share, bytes, true);
            return true;
        }
        if (wait && waiting.size() >= WAITING) {
            share.owner.execute(share.owner::refused);
        } else if (wait) {
            share.asked = bytes;
            share.since = System.nanoTime();
            waiting.add(share);
            watch(share);
        }
        return false;
    }

    /** A claim fits if nothing else is held, whatever its size. */
    private boolean fits(Share share, long bytes) {
        return total - share.bytes + bytes <= limit || total == share.bytes;
    }

    private void hold(Share share, long bytes, boolean client) {
        total += bytes - share.bytes;
        if (share.leaving) {
            leaving -= share.bytes;
            share.leaving = false;
        }
        share.bytes = bytes;
        share.client = client;
        share.since = System.nanoTime();
        share.moved = share.owner.moved();
        // The set is ordered by the latest change.
        holders.remove(share);
        if (bytes > 0) {
            holders.add(share);
        }
    }

    private synchronized void set(Share share, long bytes, boolean client) {
        if (share.asked > 0) {
            waiting.remove(share);
            share.asked = 0;
        }
        boolean more = bytes > share.bytes;
        hold(share, bytes, client);
        if (more && total > limit) {
            for (Share holder : holders) {
                if (total - leaving <= most) {
                    break;
                }
                if (holder.client && holder != share) {
                    close(holder);
                }
            }
            watch(share);
        }
        while (!waiting.isEmpty() && fits(waiting.peek(), waiting.peek().asked)) {
            Share next = waiting.remove();
            hold(next, next.asked, true);
            next.asked = 0;
            next.owner.execute(next.owner::resume);
        }
    }

    private void close(Share share) {
        share.client = false;
        share.leaving = true;
        leaving += share.bytes;
        share.owner.execute(
                () -> {
                    // Unless the client has moved meanwhile.
                    if (share.leaving) {
                        share.owner.stalled();
                    }
                });
    }

    private void watch(Share share) {
        if (!watching) {
            watching = true;
            long now = System.nanoTime();
            startable = now;
            for (Share holder : holders) {
                holder.since = now;
                holder.moved = holder.owner.moved();
            }
            share.owner.schedule(this::check);
        }
    }

    /** While claims wait: refuse those that have waited too long, and free what is not used. */
    private synchronized void check() {
        watching = false;
        long now = System.nanoTime();
        while (!waiting.isEmpty() && now - waiting.peek().since > WAIT_NANOS) {
            Share late = waiting.remove();
            late.asked = 0;
            late.owner.execute(late.owner::refused);
        }
        for (Share holder : holders) {
            if (mayStart(true, 0)) {
                startable = now;
            }
            long moved = holder.owner.moved();
            if (moved - holder.moved >= MOVED_BYTES) {
                holder.moved = moved;
                holder.since = now;
            }
            boolean tooSlow = now - holder.since > STALLED_NANOS || now - startable > WAIT_NANOS;
            if (holder.client && tooSlow) {
                close(holder);
            }
        }
        if (!waiting.isEmpty() || total > limit) {
            watching = true;
            Share some = waiting.isEmpty() ? holders.iterator().next() : waiting.peek();
            some.owner.schedule(this::check);
        }
    }
}
