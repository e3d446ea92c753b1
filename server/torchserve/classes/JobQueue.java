package doubleit;

import java.io.File;
import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.pytorch.serve.archive.model.ModelException;
import org.pytorch.serve.job.Job;

/**
 * The queue of a version's requests.
 *
 * <p>A large request is processed when the workers have the memory for it. The limit of a batch, and
 * small and large requests in turn, keep a small request from waiting for many large ones.
 */
public final class JobQueue extends LinkedBlockingDeque<Job> {
    private static final long serialVersionUID = 1;

    /**
     * Bytes of all bodies in the queue. Connections claim their bodies' memory (InTurn), so only
     * requests over gRPC and those of clients that have gone can exceed it.
     */
    private static final long LIMIT_BYTES = Long.getLong("doubleit.bodies", Long.MAX_VALUE);

    /** A batch of several requests has at most as many bytes; server/memory.py counts on it. */
    private static final long BATCH_BYTES = 512 << 10;

    /** Only archives of this project's handler have this file (server/store/archive.py). */
    private static final String OURS = "wire/__init__.py";

    private final int capacity;
    private final AtomicLong queued = new AtomicLong();

    /** Bytes of the batch that is being gathered, by one thread at a time. */
    private long batch;

    /** The unit of maxBatchDelay: in archives with another handler milliseconds, as in TorchServe. */
    private TimeUnit delayUnit;

    /** Whether the last batch was a large request. */
    private boolean afterLarge;

    public JobQueue(int capacity) {
        this.capacity = capacity;
    }

    /** Add a request; return false if there is no room for it, which TorchServe answers with 503. */
    @Override
    public boolean offer(Job job) {
        long bytes = Jobs.bytes(job);
        boolean large = bytes >= Jobs.LARGE_BYTES;
        if (queued.addAndGet(bytes) > LIMIT_BYTES && large) {
            removeAbandoned();
        }
        boolean full = queued.get() > LIMIT_BYTES && queued.get() > bytes;
        if (size() >= capacity || (full && large)) {
            queued.addAndGet(-bytes);
            return false;
        }
        AccessLog.queuedByThread(job);
        return super.offer(job);
    }

    /** Put a request back that a worker had taken; there is always room for it. */
    @Override
    public void addFirst(Job job) {
        Jobs.end(job);
        queued.addAndGet(Jobs.bytes(job));
        super.addFirst(job);
    }

    /** Take the next request of a batch; return null if the batch is complete. */
    @Override
    public Job poll(long timeout, TimeUnit unit) throws InterruptedException {
        // TorchServe waits for the first request of a batch without a limit.
        boolean first = timeout == Long.MAX_VALUE;
        Job job = first ? first() : another(timeout, delayUnit);
        if (job != null) {
            if (delayUnit == null) {
                delayUnit = isOurs(job) ? unit : TimeUnit.MILLISECONDS;
            }
            long bytes = Jobs.bytes(job);
            queued.addAndGet(-bytes);
            batch = bytes + (first ? 0 : batch);
        }
        return job;
    }

    private static boolean isOurs(Job job) {
        try {
            File folder = Routes.find(job.getModelName(), job.getModelVersion()).getModelDir();
            return new File(folder, OURS).exists();
        } catch (ModelException e) {
            return true; // removed meanwhile
        }
    }

    /** Wait for a request that a worker has the memory for; after a large one prefer a small one. */
    private Job first() throws InterruptedException {
        while (true) {
            Job job = super.poll(Long.MAX_VALUE, TimeUnit.NANOSECONDS);
            boolean large = Jobs.bytes(job) >= Jobs.LARGE_BYTES;
            if (large && !job.isOpen()) {
                queued.addAndGet(-Jobs.bytes(job));
                continue;
            }
            if (large && (afterLarge || !Jobs.begin(job))) {
                Job small = removeFitting(Jobs.LARGE_BYTES - 1);
                if (small == null && !(afterLarge && Jobs.begin(job))) {
                    super.addFirst(job);
                    Jobs.await();
                    continue;
                }
                if (small != null) {
                    super.addFirst(job);
                    job = small;
                    large = false;
                }
            }
            afterLarge = large;
            return job;
        }
    }

    private Job another(long timeout, TimeUnit unit) throws InterruptedException {
        Job job = removeFitting(BATCH_BYTES - batch);
        if (job == null && isEmpty()) {
            job = super.poll(timeout, unit);
            if (job != null && (Jobs.bytes(job) > BATCH_BYTES - batch || !Jobs.begin(job))) {
                super.addFirst(job);
                return null;
            }
        }
        return job;
    }

    /** Remove and return the first request of at most this size, or return null. */
    private Job removeFitting(long bytes) {
        for (Job job : this) {
            if (Jobs.bytes(job) <= bytes && Jobs.begin(job)) {
                if (remove(job)) {
                    return job;
                }
                Jobs.end(job);
            }
        }
        return null;
    }

    /** Remove the large requests of clients that have gone. */
    private void removeAbandoned() {
        for (Job job : this) {
            long bytes = Jobs.bytes(job);
            if (bytes >= Jobs.LARGE_BYTES && !job.isOpen() && remove(job)) {
                queued.addAndGet(-bytes);
            }
        }
    }

    @Override
    public int remainingCapacity() {
        return Math.max(0, capacity - size());
    }
}
