package doubleit;

import io.grpc.Context;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerStreamTracer;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import org.pytorch.serve.util.ConfigManager;

/**
 * What has arrived of a gRPC call, with limits for each call and for all together.
 *
 * <p>gRPC would read any number of large messages at a time into memory.
 */
final class GrpcArrival extends ServerStreamTracer {
    private static final Context.Key<GrpcArrival> KEY = Context.key("arrival");

    /** The largest message. */
    static final int LIMIT_BYTES = ConfigManager.getInstance().getMaxRequestSize();

    /** Fields that surround the tensors; HTTP has them in headers that do not count either. */
    private static final int ENVELOPE_BYTES = 1 << 10;

    /**
     * Bytes of messages of at least Jobs.LARGE_BYTES of calls that have not ended, at most those of
     * two of the largest ones.
     */
    private static final AtomicLong HELD = new AtomicLong();

    /** Calls whose large message has not arrived whole. */
    private static final Set<GrpcArrival> ARRIVING = ConcurrentHashMap.newKeySet();

    private volatile ServerCall<?, ?> call;
    private volatile boolean refused;
    private long bytes;

    /** When its last bytes arrived. */
    private volatile long latest;

    /** Bytes in HELD. */
    private final AtomicLong held = new AtomicLong();

    static GrpcArrival current() {
        return KEY.get();
    }

    boolean isRefused() {
        return refused;
    }

    @Override
    public Context filterContext(Context context) {
        return context.withValue(KEY, this);
    }

    @Override
    public void inboundWireSize(long arrived) {
        bytes += arrived;
        latest = System.nanoTime();
        if (refused) {
            return;
        }
        if (bytes > (long) LIMIT_BYTES + ENVELOPE_BYTES) {
            refuse(tooLarge().getStatus());
        } else if (bytes > Jobs.LARGE_BYTES) {
            ARRIVING.add(this);
            if (!take(bytes - held.get())) {
                refuse(busy());
            }
        }
    }

    @Override
    public void inboundMessageRead(int number, long wireSize, long size) {
        ARRIVING.remove(this);
    }

    /**
     * Hold memory for a message that is decompressed.
     *
     * @throws io.grpc.StatusRuntimeException there is not enough.
     */
    void claim(long size) {
        if (!take(size)) {
            throw busy().asRuntimeException();
        }
    }

    private boolean take(long size) {
        if (HELD.addAndGet(size) > 2L * LIMIT_BYTES + ENVELOPE_BYTES) {
            HELD.addAndGet(-size);
            // As in the budget of HTTP, clients that have stopped make room for others.
            ARRIVING.stream()
                    .filter(other -> System.nanoTime() - other.latest > Budget.STALLED_NANOS)
                    .forEach(other -> other.refuse(busy()));
            return false;
        }
        held.addAndGet(size);
        return true;
    }

    static StatusRuntimeException tooLarge() {
        return Status.RESOURCE_EXHAUSTED
                .withDescription(Exchange.tooLarge())
                .asRuntimeException();
    }

    private static Status busy() {
        return Status.UNAVAILABLE.withDescription(
                "Too many large requests at a time: send it again later");
    }

    /** Other calls refuse this one too, and a call must not be closed twice. */
    private synchronized void refuse(Status status) {
        if (!refused) {
            refused = true;
            call.close(status, new Metadata());
        }
    }

    @Override
    public void streamClosed(Status status) {
        ARRIVING.remove(this);
        HELD.addAndGet(-held.getAndSet(0));
    }

    /** Makes one for each call. */
    static final class Factory extends ServerStreamTracer.Factory {
        @Override
        public ServerStreamTracer newServerStreamTracer(String name, Metadata headers) {
            return new GrpcArrival();
        }
    }

    /** Connects a call with what arrives of it; before, nothing of it is read. */
    static final class Link implements ServerInterceptor {
        @Override
        public <A, B> ServerCall.Listener<A> interceptCall(
                ServerCall<A, B> call, Metadata headers, ServerCallHandler<A, B> next) {
            current().call = call;
            return next.startCall(call, headers);
        }
    }
}
