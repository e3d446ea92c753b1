package doubleit;

import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.pytorch.serve.job.Job;
import org.pytorch.serve.util.messages.InputParameter;

/**
 * The queue of a version's requests, with limits in bytes; TorchServe only limits their number.
 *
 * <p>The limit of the queue keeps large requests from filling Java's heap. The limit of a batch, and
 * small and large requests in turn, keep a small request from waiting for many large ones.
 */
public final class JobQueue extends LinkedBlockingDeque<Job> {
    private static final long serialVersionUID = 1;

    /** Bytes; derived from the available memory (server/memory.py). */
    private static final long LIMIT_BYTES = Long.getLong("doubleit.queued", Long.MAX_VALUE);

    /** As many bytes as the handler processes at a time (TOGETHER_BYTES in handler/handler.py). */
    private static final long BATCH_BYTES = 1 << 20;

    /** Smaller requests are only limited in their number. */
    private static final long SMALL_BYTES = 4 << 10;

    /** Requests of at least this size do not displace those that are smaller. */
    private static final long LARGE_BYTES = 64 << 10;

    private final int capacity;
    private final AtomicLong medium = new AtomicLong();
    private final AtomicLong large = new AtomicLong();

    /** Bytes of the batch that is being gathered, by one thread at a time. */
    private long batch;

    /** Whether the last batch began with a large request. */
    private boolean afterLarge;

    public JobQueue(int capacity) {
        this.capacity = capacity;
    }

    /** Add a request; return false if there is no room for it, which TorchServe answers with 503. */
    @Override
    public boolean offer(Job job) {
        long bytes = bytes(job);
        long limit = bytes < LARGE_BYTES ? LIMIT_BYTES / 2 : LIMIT_BYTES;
        long all = queued(bytes).addAndGet(bytes);
        if (size() >= capacity || (all > limit && bytes >= SMALL_BYTES)) {
            queued(bytes).addAndGet(-bytes);
            return false;
        }
        return super.offer(job);
    }

    /** Put a request back that a worker had taken; there is always room for it. */
    @Override
    public void addFirst(Job job) {
        long bytes = bytes(job);
        queued(bytes).addAndGet(bytes);
        super.addFirst(job);
    }

    /** Take the next request of a batch; return null if the batch is complete. */
    @Override
    public Job poll(long timeout, TimeUnit unit) throws InterruptedException {
        // TorchServe waits for the first request of a batch without a limit.
        boolean first = timeout == Long.MAX_VALUE;
        Job job = first ? first() : another(timeout, unit);
        if (job != null) {
            long bytes = bytes(job);
            queued(bytes).addAndGet(-bytes);
            batch = bytes + (first ? 0 : batch);
        }
        return job;
    }

    /** After a large request, one that waits behind other large ones is next. */
    private Job first() throws InterruptedException {
        Job job = super.poll(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
        if (afterLarge && bytes(job) >= LARGE_BYTES) {
            Job smaller = removeFitting(LARGE_BYTES - 1);
            if (smaller != null) {
                super.addFirst(job);
                job = smaller;
            }
        }
        afterLarge = bytes(job) >= LARGE_BYTES;
        return job;
    }

    private Job another(long timeout, TimeUnit unit) throws InterruptedException {
        Job job = removeFitting(BATCH_BYTES - batch);
        if (job == null && isEmpty()) {
            job = super.poll(timeout, unit);
            if (job != null && bytes(job) > BATCH_BYTES - batch) {
                super.addFirst(job);
                return null;
            }
        }
        return job;
    }

    /** Remove and return the first request of at most this size, or return null. */
    private Job removeFitting(long bytes) {
        for (Job each : this) {
            if (bytes(each) <= bytes && remove(each)) {
                return each;
            }
        }
        return null;
    }

    @Override
    public int remainingCapacity() {
        return Math.max(0, capacity - size());
    }

    /** Return the bytes in the queue that a request of this size shares its limit with. */
    private AtomicLong queued(long bytes) {
        return bytes < LARGE_BYTES ? medium : large;
    }

    private static long bytes(Job job) {
        long bytes = 0;
        for (InputParameter each : job.getPayload().getParameters()) {
            byte[] value = each.getValue();
            bytes += value == null ? 0 : value.length;
        }
        return bytes;
    }
}
