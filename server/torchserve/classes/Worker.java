package doubleit;

import io.netty.channel.Channel;
import java.io.File;
import java.lang.reflect.Field;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.pytorch.serve.job.Job;
import org.pytorch.serve.util.messages.BaseModelRequest;
import org.pytorch.serve.util.messages.ModelInferenceRequest;
import org.pytorch.serve.util.messages.ModelWorkerResponse;
import org.pytorch.serve.util.messages.Predictions;
import org.pytorch.serve.util.messages.RequestInput;
import org.pytorch.serve.wlm.BatchAggregator;
import org.pytorch.serve.wlm.Model;
import org.pytorch.serve.wlm.WorkerState;

/**
 * The batches of a worker process: gathers requests, and passes responses on.
 *
 * <p>In TorchServe, each worker has a thread for this. Between a request's event loop, this thread,
 * the event loop of the worker's socket and the worker, a lone request changes threads six times.
 * Here the event loop that has read a request sends it to an idle worker, and the event loop that
 * reads the worker's response writes it to the client. The thread is left with what may wait:
 * loading, memory for large requests, batches that wait for more requests, and a batch that takes
 * longer than SLOW_MILLIS, so that timeouts and recovery are TorchServe's.
 */
public final class Worker extends BatchAggregator {
    private static final long SLOW_MILLIS = 20;

    /** Only archives of this project's handler have this file (server/store/archive.py). */
    private static final String OURS = "wire/__init__.py";

    private final JobQueue queue;

    /** The unit of maxBatchDelay: in archives with another handler milliseconds, as in TorchServe. */
    private final TimeUnit delayUnit;

    /** The connection to the worker; null until the worker's thread has sent a batch. */
    private Channel channel;

    /** The batch that an event loop has sent, until it is answered or the thread takes it over. */
    private Batch sent;

    /** The batch that was sent when it was last checked whether one is slow. */
    private Batch checked;

    /** Whether the worker's thread has to take over the batch, or requests from the queue. */
    private boolean called;

    /** Whether the worker's thread has stopped waiting for requests. */
    private boolean gone;

    /** Bytes of the worker's message that was decoded last, until all of it is passed on. */
    private final AtomicLong decoded = new AtomicLong();

    /** A batch that knows its worker. */
    static final class Batch extends ModelInferenceRequest {
        final Worker worker;

        /** Whether it was written; used by the event loop of the worker's connection. */
        boolean written;

        Batch(String model, Worker worker) {
            super(model);
            this.worker = worker;
        }
    }

    public Worker(Model model) {
        super(model);
        jobs = new Jobs();
        queue = queue(model);
        boolean ours = new File(model.getModelDir(), OURS).exists();
        delayUnit = ours ? TimeUnit.NANOSECONDS : TimeUnit.MILLISECONDS;
    }

    /** Return the queue of a model's requests; null if it is not this project's (jar.py). */
    private static JobQueue queue(Model model) {
        try {
            Field field = Model.class.getDeclaredField("jobsDb");
            field.setAccessible(true);
            Object queue = ((Map<?, ?>) field.get(model)).get(Model.DEFAULT_DATA_QUEUE);
            return queue instanceof JobQueue ? (JobQueue) queue : null;
        } catch (ReflectiveOperationException changed) {
            return null;
        }
    }

    /** Return the next batch for the worker's thread to send. */
    @Override
    public BaseModelRequest getRequest(String thread, WorkerState state)
            throws InterruptedException, ExecutionException {
        if (queue == null || state != WorkerState.WORKER_MODEL_LOADED || model.isUseJobTicket()) {
            channel = null;
            return super.getRequest(thread, state);
        }
        cleanJobs();
        synchronized (this) {
            gone = false;
            called = false;
        }
        while (!queue.take(this)) {
            Batch slow = await();
            if (slow != null) {
                return slow;
            }
        }
        return batch();
    }

    /** Wait until the thread is called; return the batch that it has to take over, if any. */
    private synchronized Batch await() throws InterruptedException {
        try {
            while (!called) {
                wait();
            }
        } catch (InterruptedException stopped) {
            // The connection was closed, or the worker is being stopped.
            gone = true;
            queue.removeIdle(this);
            if (sent == null) {
                throw stopped;
            }
            // TorchServe answers the requests of the batch that it waits for.
            Thread.currentThread().interrupt();
        }
        called = false;
        Batch slow = sent;
        sent = null;
        return slow;
    }

    private void call() {
        called = true;
        notifyAll();
    }

    /** Send requests from the queue, which has given this worker to the calling thread. */
    synchronized void send() {
        if (gone || (channel != null && !channel.isActive())) {
            return;
        }
        boolean waits = model.getBatchSize() > 1 && delayNanos() > 1;
        if (channel == null || waits || !queue.fill(this)) {
            call();
        } else if (!jobs.isEmpty()) {
            sent = batch();
            channel.writeAndFlush(sent, channel.voidPromise());
        }
    }

    private Batch batch() {
        Batch batch = new Batch(model.getModelName(), this);
        for (Job job : jobs.values()) {
            batch.setCommand(job.getCmd());
            job.setScheduled();
            batch.addRequest(job.getPayload());
        }
        return batch;
    }

    Map<String, Job> jobs() {
        return jobs;
    }

    int batchSize() {
        return model.getBatchSize();
    }

    /** How long a batch waits for more requests. */
    long delayNanos() {
        return delayUnit.toNanos(model.getMaxBatchDelay());
    }

    /** Return whether the connection has this event loop, or is not known yet. */
    boolean mayBeOn(Object loop) {
        return channel == null || channel.eventLoop() == loop;
    }

    /** A batch is about to be written to the worker's connection, by its event loop. */
    synchronized void writing(Channel connection, Batch batch) {
        channel = connection;
        if (batch == sent && checked == null) {
            check();
        }
    }

    /** Call the worker's thread if a batch is not answered soon. */
    private synchronized void check() {
        if (sent != null && sent == checked) {
            call();
            checked = null;
            return;
        }
        checked = sent;
        if (sent != null) {
            channel.eventLoop().schedule(this::check, SLOW_MILLIS, TimeUnit.MILLISECONDS);
        }
    }

    /** Whether there is room in the heap for a message of the worker; if so, it will be decoded. */
    boolean admits(int bytes) {
        if (bytes < Jobs.LARGE_BYTES) {
            return true;
        }
        boolean fits = Response.fits(bytes);
        if (fits) {
            Response.free(decoded.getAndSet(bytes));
        }
        return fits;
    }

    /** Pass responses on; return false if the worker's thread is waiting for them. */
    boolean received(ModelWorkerResponse responses) {
        synchronized (this) {
            if (sent == null) {
                return false;
            }
            if (!sendResponse(responses)) {
                return true;
            }
            sent = null;
            if (!called) {
                queue.addIdle(this);
            }
        }
        model.resetFailedInfReqs();
        queue.dispatchSoon();
        return true;
    }

    /**
     * Pass responses on; return whether they complete the batch.
     *
     * <p>A response without an id of the batch says that another message follows
     * (handler/batch_io.py). A request that got its response gets no second one if the worker dies.
     */
    @Override
    public boolean sendResponse(ModelWorkerResponse message) {
        boolean failed = message.getCode() != 200;
        boolean done = failed ? super.sendResponse(message) : passOn(message);
        Response.free(decoded.getAndSet(0));
        return done;
    }

    private boolean passOn(ModelWorkerResponse message) {
        boolean done = true;
        for (Predictions response : message.getPredictions()) {
            String id = response.getRequestId();
            String next = response.getHeaders().get(RequestInput.TS_STREAM_NEXT);
            boolean last = !"true".equals(next);
            Job job = last ? jobs.remove(id) : jobs.get(id);
            done &= last && job != null;
            if (job != null && job.getPayload().getClientExpireTS() > System.currentTimeMillis()) {
                job.response(
                        response.getResp(),
                        response.getContentType(),
                        response.getStatusCode(),
                        response.getReasonPhrase(),
                        response.getHeaders());
            }
            // The worker's thread keeps its last message until the next one.
            response.setResp(null);
        }
        if (done) {
            cleanJobs();
        }
        return done;
    }

    /** Answer the requests of a batch, or without one put those that were gathered back. */
    @Override
    public void sendError(BaseModelRequest message, String error, int status) {
        Response.free(decoded.getAndSet(0));
        if (message != null || jobs.values().stream().anyMatch(Job::isControlCmd)) {
            super.sendError(message, error, status);
            return;
        }
        List<Job> back = new ArrayList<>(jobs.values());
        cleanJobs();
        Collections.reverse(back);
        back.forEach(this::handleErrorJob);
    }
}
