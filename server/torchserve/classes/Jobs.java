package doubleit;

import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import org.pytorch.serve.job.Job;
import org.pytorch.serve.util.messages.InputParameter;

/**
 * The requests that a worker has and has not answered, with a limit on the memory that the large
 * ones of all workers may take together.
 *
 * <p>Worker removes each request that was answered, and all of them when the worker has died.
 */
public final class Jobs extends LinkedHashMap<String, Job> {
    private static final long serialVersionUID = 1;

    /** Smaller requests do not count; server/memory.py sets memory for batches of them aside. */
    static final int LARGE_BYTES = 64 << 10;

    /** Bytes; derived from the available memory (server/memory.py). */
    private static final long LIMIT_BYTES = Long.getLong("doubleit.work", Long.MAX_VALUE);

    /** Bytes of memory for each byte of a body; the handler has the same (handler/limits.py). */
    private static final long JSON = Long.getLong("doubleit.cost.json", 1);

    private static final long OBJECTS = Long.getLong("doubleit.cost.objects", 1);
    private static final long BINARY = Long.getLong("doubleit.cost.binary", 1);

    /** The header with the length of the JSON in front of binary tensors. */
    static final String JSON_LENGTH = "Inference-Header-Content-Length";

    private static final Map<Job, Long> RUNNING = new IdentityHashMap<>();
    private static long total;

    /**
     * Claim the memory that a request may take in a worker, unless others have to end first, or
     * clients have to read their responses.
     */
    static boolean begin(Job job) {
        // TorchServe drops an expired request instead of putting it into this map.
        boolean dropped = job.getPayload().getClientExpireTS() <= System.currentTimeMillis();
        if (bytes(job) < LARGE_BYTES || dropped) {
            return true;
        }
        // A request that takes more runs alone, or is refused by the handler, which knows better.
        long cost = Math.min(cost(job), LIMIT_BYTES);
        synchronized (RUNNING) {
            if (total + cost > LIMIT_BYTES
                    || !InTurn.BODIES.mayStart(RUNNING.isEmpty(), Response.inHeap())) {
                return false;
            }
            total += cost;
            RUNNING.put(job, cost);
            return true;
        }
    }

    /** Return the memory of a request that no worker has any more. */
    static void end(Job job) {
        if (job != null && bytes(job) >= LARGE_BYTES) {
            synchronized (RUNNING) {
                Long cost = RUNNING.remove(job);
                total -= cost == null ? 0 : cost;
                RUNNING.notifyAll();
            }
        }
    }

    /** Wait until some request has ended, or for a millisecond. */
    static void await() throws InterruptedException {
        synchronized (RUNNING) {
            RUNNING.wait(1);
        }
    }

    private static long cost(Job job) {
        long bytes = bytes(job);
        for (Map.Entry<String, String> header : job.getPayload().getHeaders().entrySet()) {
            if (JSON_LENGTH.equalsIgnoreCase(header.getKey())) {
                try {
                    long json = Math.min(bytes, Long.parseUnsignedLong(header.getValue().trim()));
                    return json * OBJECTS + (bytes - json) * BINARY;
                } catch (NumberFormatException invalid) {
                    return 0;
                }
            }
        }
        for (InputParameter input : job.getPayload().getParameters()) {
            byte[] value = input.getValue();
            int start = 0;
            while (start < value.length && value[start] <= ' ') {
                start++;
            }
            if (start == value.length || value[start] != '[') {
                return bytes * OBJECTS;
            }
        }
        return bytes * JSON;
    }

    /** The size of a request's body. */
    static long bytes(Job job) {
        long bytes = 0;
        for (InputParameter input : job.getPayload().getParameters()) {
            byte[] value = input.getValue();
            bytes += value == null ? 0 : value.length;
        }
        return bytes;
    }

    @Override
    public Job remove(Object id) {
        Job job = super.remove(id);
        end(job);
        return job;
    }

    @Override
    public void clear() {
        if (!isEmpty()) {
            values().forEach(Jobs::end);
            super.clear();
        }
    }
}
