package doubleit;

import io.netty.util.internal.ThreadExecutorMap;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Iterator;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.pytorch.serve.job.Job;
import org.pytorch.serve.util.messages.WorkerCommands;

/**
 * The queue of a version's requests, and its idle workers.
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

    /** As many requests do not wait until their event loop has read what else has arrived. */
    private static final int MANY = 64;

    private final int capacity;
    private final AtomicLong queued = new AtomicLong();

    /** The workers that an event loop may send requests to, the one that was last used first. */
    private final transient Deque<Worker> idle = new ArrayDeque<>();

    private final transient Map<Executor, Dispatch> loops = new ConcurrentHashMap<>();

    /** Whether a worker's thread waits for more requests for its batch. */
    private boolean collecting;

    /** Whether the last batch was a large request. */
    private boolean afterLarge;

    public JobQueue(int capacity) {
        this.capacity = capacity;
    }

    /** Add a request; return false if there is no room for it, which TorchServe answers with 503. */
    @Override
    public boolean offer(Job job) {
        long bytes = Jobs.bytes(job);
        boolean large = isLarge(job);
        if (queued.addAndGet(bytes) > LIMIT_BYTES && large) {
            removeAbandoned();
        }
        boolean full = queued.get() > LIMIT_BYTES && queued.get() > bytes;
        if (size() >= capacity || (full && large)) {
            queued.addAndGet(-bytes);
            return false;
        }
        AccessLog.queuedByThread(job);
        super.offer(job);
        dispatchSoon();
        return true;
    }

    /** Put a request back that a worker had taken; there is always room for it. */
    @Override
    public void addFirst(Job job) {
        queued.addAndGet(Jobs.bytes(job));
        super.addFirst(job);
        dispatchSoon();
    }

    /** Send requests to idle workers once this event loop has read what has arrived. */
    void dispatchSoon() {
        Executor loop = ThreadExecutorMap.currentExecutor();
        if (loop == null) {
            // gRPC has its own copy of Netty.
            loop = io.grpc.netty.shaded.io.netty.util.internal.ThreadExecutorMap.currentExecutor();
        }
        if (loop == null) {
            dispatch(null);
        } else {
            loops.computeIfAbsent(loop, Dispatch::new).soon();
        }
    }

    private final class Dispatch implements Runnable {
        private final Executor loop;
        private boolean pending;

        Dispatch(Executor loop) {
            this.loop = loop;
        }

        void soon() {
            if (size() >= MANY) {
                dispatch(loop);
            } else if (!pending) {
                pending = true;
                loop.execute(this);
            }
        }

        @Override
        public void run() {
            pending = false;
            dispatch(loop);
        }
    }

    private void dispatch(Executor loop) {
        for (Worker worker = choose(loop); worker != null; worker = choose(loop)) {
            worker.send();
        }
    }

    /** Return an idle worker for the requests in the queue, or null. */
    private synchronized Worker choose(Executor loop) {
        if (collecting) {
            notifyAll();
        } else if (!isEmpty()) {
            for (Worker worker : idle) {
                if (worker.mayBeOn(loop)) {
                    idle.remove(worker);
                    return worker;
                }
            }
            return idle.pollFirst();
        }
        return null;
    }

    synchronized void addIdle(Worker worker) {
        idle.addFirst(worker);
    }

    synchronized void removeIdle(Worker worker) {
        idle.remove(worker);
    }

    /**
     * Give a worker a batch without waiting. If the queue is empty, the worker is idle.
     *
     * @return false if the worker's thread has to take the batch.
     */
    synchronized boolean fill(Worker worker) {
        if (isEmpty()) {
            addIdle(worker);
            return true;
        }
        return peekFirst().getCmd() == WorkerCommands.PREDICT && gather(worker);
    }

    /**
     * Give a worker's thread a batch; wait for memory and, if the model is set so, for more requests.
     *
     * @return false if the queue is empty; the worker is then idle.
     */
    boolean take(Worker worker) throws InterruptedException {
        while (true) {
            synchronized (this) {
                if (isEmpty()) {
                    addIdle(worker);
                    return false;
                }
                if (!collecting && gather(worker)) {
                    collect(worker);
                    break;
                }
            }
            Jobs.await();
        }
        // For the workers that were left idle meanwhile.
        dispatch(null);
        return true;
    }

    /** Wait for more requests for a batch, as long as the model's settings say. */
    private void collect(Worker worker) throws InterruptedException {
        long end = System.nanoTime() + worker.delayNanos();
        collecting = true;
        try {
            while (worker.jobs().size() < worker.batchSize() && end > System.nanoTime()) {
                TimeUnit.NANOSECONDS.timedWait(this, end - System.nanoTime());
                addFitting(worker);
            }
        } finally {
            collecting = false;
        }
    }

    /** Give a worker the requests of a batch; return false if the first one has to wait. */
    private boolean gather(Worker worker) {
        Job job = first();
        if (job != null) {
            give(worker, job);
            if (job.getCmd() != WorkerCommands.DESCRIBE) {
                addFitting(worker);
            }
        }
        return !worker.jobs().isEmpty();
    }

    /** Remove and return the next request; null if it has to wait for memory. */
    private Job first() {
        Job job = peekFirst();
        while (job != null && isLarge(job) && !job.isOpen()) {
            taken(pollFirst());
            job = peekFirst();
        }
        if (job != null && isLarge(job) && (afterLarge || !Jobs.begin(job))) {
            for (Job other : this) {
                if (!isLarge(other) && remove(other)) {
                    afterLarge = false;
                    return other;
                }
            }
            if (!afterLarge || !Jobs.begin(job)) {
                return null;
            }
        }
        afterLarge = job != null && isLarge(job);
        return pollFirst();
    }

    private static boolean isLarge(Job job) {
        return Jobs.bytes(job) >= Jobs.LARGE_BYTES;
    }

    private void addFitting(Worker worker) {
        long bytes = worker.jobs().values().stream().mapToLong(Jobs::bytes).sum();
        Iterator<Job> all = iterator();
        while (worker.jobs().size() < worker.batchSize() && all.hasNext()) {
            Job job = all.next();
            if (bytes + Jobs.bytes(job) <= BATCH_BYTES
                    && job.getCmd() != WorkerCommands.DESCRIBE
                    && Jobs.begin(job)) {
                all.remove();
                give(worker, job);
                bytes += Jobs.bytes(job);
            }
        }
    }

    private void give(Worker worker, Job job) {
        taken(job);
        if (job.getPayload().getClientExpireTS() > System.currentTimeMillis()) {
            worker.jobs().put(job.getJobId(), job);
        }
    }

    /** Take a request, as TorchServe's other ways of batching do (sequences, streams). */
    @Override
    public Job poll(long timeout, TimeUnit unit) throws InterruptedException {
        return taken(super.poll(timeout, unit));
    }

    @Override
    public Job poll() {
        return taken(super.poll());
    }

    /** Subtract a request that has left the queue; null if none has. */
    private Job taken(Job job) {
        queued.addAndGet(job == null ? 0 : -Jobs.bytes(job));
        return job;
    }

    /** Remove the large requests of clients that have gone. */
    private synchronized void removeAbandoned() {
        for (Job job : this) {
            if (isLarge(job) && !job.isOpen() && remove(job)) {
                taken(job);
            }
        }
    }

    @Override
    public int remainingCapacity() {
        return Math.max(0, capacity - size());
    }
}
