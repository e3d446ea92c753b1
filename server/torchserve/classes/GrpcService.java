package doubleit;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.ByteString;
import com.google.protobuf.Message;
import com.google.protobuf.UnsafeByteOperations;
import io.grpc.HasByteBuffer;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.ServerBuilder;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.util.internal.ThreadExecutorMap;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.Executor;
import org.pytorch.serve.archive.model.ModelException;
import org.pytorch.serve.grpc.openinference.GRPCInferenceServiceGrpc;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelInferResponse;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelInferResponse.InferOutputTensor;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelMetadataResponse;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelMetadataResponse.TensorMetadata;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelReadyResponse;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ServerLiveResponse;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ServerMetadataResponse;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ServerReadyResponse;
import org.pytorch.serve.grpcimpl.GRPCInterceptor;
import org.pytorch.serve.job.Job;
import org.pytorch.serve.metrics.IMetric;
import org.pytorch.serve.metrics.MetricCache;
import org.pytorch.serve.util.ApiUtils;
import org.pytorch.serve.util.ConfigManager;
import org.pytorch.serve.util.ConnectorType;
import org.pytorch.serve.util.TokenAuthorization;
import org.pytorch.serve.util.messages.InputParameter;
import org.pytorch.serve.util.messages.RequestInput;
import org.pytorch.serve.util.messages.WorkerCommands;
import org.pytorch.serve.wlm.Model;
import org.pytorch.serve.wlm.ModelManager;

/**
 * The Open Inference Protocol over gRPC, under the name that clients use; TorchServe's own has another
 * one.
 *
 * <p>A request for inference or metadata becomes the request that a client would send over HTTP, and
 * goes into the same queue.
 */
public final class GrpcService implements ServerCallHandler<InputStream, Message> {
    static final String NAME = "inference.GRPCInferenceService";

    /** What may arrive of a connection before it is read. */
    private static final int WINDOW_BYTES = 1 << 20;

    private static final String BINARY = "application/octet-stream";

    /** Encoded, a longer message might exceed the 8 KiB of headers that clients accept. */
    private static final int MESSAGE_CHARACTERS = 800;

    /** The codes for statuses of HTTP; any other is an internal error. */
    private static final Map<Integer, Status> CODES =
            Map.of(
                    400, Status.INVALID_ARGUMENT,
                    404, Status.NOT_FOUND,
                    413, Status.RESOURCE_EXHAUSTED,
                    415, Status.INVALID_ARGUMENT,
                    503, Status.UNAVAILABLE,
                    507, Status.RESOURCE_EXHAUSTED);

    private static final Metadata.Key<String> REQUEST_ID = key(Exchange.REQUEST_ID);

    /** Add this service to TorchServe's server for inference over gRPC. */
    public static void addTo(ServerBuilder<?> server) {
        ServerServiceDefinition.Builder service = ServerServiceDefinition.builder(NAME);
        GrpcService handler = new GrpcService();
        for (MethodDescriptor<?, ?> shipped :
                GRPCInferenceServiceGrpc.getServiceDescriptor().getMethods()) {
            service.addMethod(method(shipped), handler);
        }
        ServerServiceDefinition made = service.build();
        server.addStreamTracerFactory(new GrpcArrival.Factory());
        server.intercept(new GrpcArrival.Link());
        // GrpcArrival limits messages and answers those that are too large. gRPC resets the stream.
        server.maxInboundMessageSize(Integer.MAX_VALUE);
        // Nothing here waits, so calls need no other thread than that of their connection.
        server.directExecutor();
        // A fixed window: gRPC would send a ping with each message to adapt it.
        ((NettyServerBuilder) server).flowControlWindow(WINDOW_BYTES);
        server.addService(
                TokenAuthorization.isEnabled()
                        ? ServerInterceptors.intercept(
                                made, new GRPCInterceptor(ConnectorType.INFERENCE_CONNECTOR))
                        : made);
    }

    @SuppressWarnings("unchecked")
    private static MethodDescriptor<InputStream, Message> method(MethodDescriptor<?, ?> shipped) {
        return ((MethodDescriptor<?, Message>) shipped)
                .toBuilder(new Unread(), ((MethodDescriptor<?, Message>) shipped).getResponseMarshaller())
                .setFullMethodName(NAME + "/" + shipped.getBareMethodName())
                .build();
    }

    private static Metadata.Key<String> key(String name) {
        return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }

    @Override
    public ServerCall.Listener<InputStream> startCall(
            ServerCall<InputStream, Message> call, Metadata headers) {
        // A second message would be an error, which is only seen if it is read.
        call.request(2);
        return new Call(call, headers);
    }

    /** Passes on a message unread. */
    private static final class Unread implements MethodDescriptor.Marshaller<InputStream> {
        @Override
        public InputStream stream(InputStream message) {
            return message;
        }

        @Override
        public InputStream parse(InputStream message) {
            return message;
        }
    }

    private static final class Call extends ServerCall.Listener<InputStream> {
        private final ServerCall<InputStream, Message> call;
        private final GrpcArrival arrival = GrpcArrival.current();

        /** The event loop of the connection, which this is constructed in. */
        private final Executor loop = ThreadExecutorMap.currentExecutor();

        private final String id;

        /** The line of the access log; null if none is written. */
        private final AccessLog line;

        private GrpcRequest request;

        private volatile boolean closed;

        Call(ServerCall<InputStream, Message> call, Metadata headers) {
            this.call = call;
            String own = Exchange.valid(headers.get(REQUEST_ID));
            id = own == null ? UUID.randomUUID().toString() : own;
            String path = "/" + call.getMethodDescriptor().getFullMethodName();
            line = AccessLog.isOn()
                    ? new AccessLog("POST", path, name -> headers.get(key(name)))
                    : null;
        }

        @Override
        public void onMessage(InputStream message) {
            if (closed || arrival.isRefused()) {
                return;
            }
            try {
                if (request != null) {
                    throw GrpcRequest.invalid("The call has more than one message");
                }
                request = new GrpcRequest(read(message));
            } catch (StatusRuntimeException error) {
                fail(error.getStatus());
            } catch (IOException error) {
                fail(Status.INVALID_ARGUMENT.withDescription("The message cannot be decompressed"));
            }
        }

        /** Return a message; it is valid until the stream is closed. */
        private ByteString read(InputStream message) throws IOException {
            if (message instanceof HasByteBuffer) {
                // The buffers that it arrived in, which mark() keeps.
                message.mark(Integer.MAX_VALUE);
                List<ByteString> buffers = new ArrayList<>();
                while (message.available() > 0) {
                    ByteBuffer buffer = ((HasByteBuffer) message).getByteBuffer();
                    buffers.add(UnsafeByteOperations.unsafeWrap(buffer));
                    message.skip(buffer.remaining());
                }
                return ByteString.copyFrom(buffers);
            }
            ByteString unpacked = UnsafeByteOperations.unsafeWrap(message.readNBytes(Jobs.LARGE_BYTES));
            if (unpacked.size() == Jobs.LARGE_BYTES) {
                arrival.claim(GrpcArrival.LIMIT_BYTES);
                int most = GrpcArrival.LIMIT_BYTES - unpacked.size();
                byte[] rest = message.readNBytes(most + 1);
                if (rest.length > most) {
                    throw GrpcArrival.tooLarge();
                }
                unpacked = unpacked.concat(UnsafeByteOperations.unsafeWrap(rest));
            }
            return unpacked;
        }

        @Override
        public void onHalfClose() {
            if (closed || arrival.isRefused()) {
                return;
            }
            try {
                if (request == null) {
                    throw GrpcRequest.invalid("The call has no message");
                }
                answer();
            } catch (ModelException error) {
                fail(Status.NOT_FOUND.withDescription(error.getMessage()));
            } catch (StatusRuntimeException error) {
                fail(error.getStatus());
            }
        }

        private void answer() throws ModelException {
            switch (call.getMethodDescriptor().getBareMethodName()) {
                case "ServerLive":
                    send(ServerLiveResponse.newBuilder().setLive(true).build());
                    break;
                case "ServerReady":
                    send(ServerReadyResponse.newBuilder().setReady(Routes.areReady()).build());
                    break;
                case "ServerMetadata":
                    send(
                            ServerMetadataResponse.newBuilder()
                                    .setName(Routes.SERVER)
                                    .setVersion(ConfigManager.getInstance().getVersion())
                                    .build());
                    break;
                case "ModelReady":
                    boolean ready = Routes.isReady(Routes.find(request.name, version()));
                    send(ModelReadyResponse.newBuilder().setReady(ready).build());
                    break;
                case "ModelMetadata":
                    queue(Map.of("url_path", "metadata", "explain", "False"), new byte[0]);
                    break;
                default: // ModelInfer
                    String bytes = String.valueOf(request.jsonBytes);
                    queue(Map.of(Jobs.JSON_LENGTH, bytes), request.body);
            }
        }

        private String version() {
            return request.version.isEmpty() ? null : request.version;
        }

        private void queue(Map<String, String> headers, byte[] body) throws ModelException {
            Model model = Routes.find(request.name, version());
            RequestInput input = new RequestInput(UUID.randomUUID().toString());
            input.setClientExpireTS(model.getClientTimeoutInMills());
            headers.forEach(input::updateHeaders);
            input.updateHeaders("Content-Type", BINARY);
            input.addParameter(new InputParameter("body", body, BINARY));
            Pending job = new Pending(this, request.name, version(), input);
            if (line != null) {
                line.queued(job);
            }
            request = null;
            job.count("ts_inference_requests_total", 1);
            if (!ModelManager.getInstance().addJob(job)) {
                fail(Status.UNAVAILABLE.withDescription(
                        ApiUtils.getStreamingInferenceErrorResponseMessage(
                                job.getModelName(), job.getModelVersion())));
            }
        }

        private void send(Message answer) {
            Metadata headers = new Metadata();
            headers.put(REQUEST_ID, id);
            call.sendHeaders(headers);
            call.sendMessage(answer);
            close(Status.OK, new Metadata(), answer.getSerializedSize());
        }

        private void fail(Status status) {
            Metadata headers = new Metadata();
            headers.put(REQUEST_ID, id);
            String message = String.valueOf(status.getDescription());
            String cut = message.substring(0, Math.min(message.length(), MESSAGE_CHARACTERS));
            close(status.withDescription(cut), headers, 0);
        }

        private void close(Status status, Metadata trailers, int bytes) {
            closed = true;
            if (line != null) {
                line.grpc = status.getCode().name();
                line.id = id;
                line.bytes = bytes;
                line.write();
            }
            call.close(status, trailers);
        }
    }

    /** A call in the queue of a model's version, or in a worker. */
    private static final class Pending extends Job {
        private final Call call;

        Pending(Call call, String model, String version, RequestInput input) {
            super(model, version, WorkerCommands.PREDICT, input);
            this.call = call;
        }

        @Override
        public boolean isOpen() {
            return !call.closed && !call.call.isCancelled();
        }

        @Override
        public void response(
                byte[] body, CharSequence type, int status, String phrase, Map<String, String> headers) {
            Response.hold(body.length);
            call.loop.execute(
                    () -> {
                        try {
                            answer(body, status, headers);
                        } finally {
                            Response.free(body.length);
                        }
                    });
        }

        private void answer(byte[] body, int status, Map<String, String> headers) {
            long end = System.nanoTime();
            count("ts_inference_latency_microseconds", (end - getBegin()) / 1000.0);
            count("ts_queue_latency_microseconds", (getScheduled() - getBegin()) / 1000.0);
            if (!isOpen()) {
                return;
            }
            if (status >= 400) {
                call.fail(CODES.getOrDefault(status, Status.INTERNAL).withDescription(message(body)));
                return;
            }
            Message answer;
            try {
                boolean described = getPayload().getHeaders().containsKey("url_path");
                answer = described ? metadata(body) : inference(body, headers);
            } catch (RuntimeException error) {
                // A handler of an archive that was made elsewhere.
                call.fail(Status.INTERNAL.withDescription(
                        "The model's handler does not answer in the format of the protocol"));
                return;
            }
            call.send(answer);
        }

        @Override
        public void sendError(int status, String error) {
            call.loop.execute(() -> {
                if (isOpen()) {
                    call.fail(CODES.getOrDefault(status, Status.INTERNAL).withDescription(error));
                }
            });
        }

        void count(String metric, double value) {
            IMetric counter = MetricCache.getInstance().getMetricFrontend(metric);
            if (counter != null) {
                String version = getModelVersion() == null ? "default" : getModelVersion();
                String host = ConfigManager.getInstance().getHostName();
                counter.addOrUpdate(List.of(getModelName(), version, host), value);
            }
        }
    }

    /** Return the message of an error that the handler returned as JSON. */
    private static String message(byte[] body) {
        String text = new String(body, StandardCharsets.UTF_8);
        try {
            return JsonParser.parseString(text).getAsJsonObject().get("message").getAsString();
        } catch (RuntimeException other) {
            return text;
        }
    }

    private static Message metadata(byte[] body) {
        JsonObject document = parse(body, body.length);
        ModelMetadataResponse.Builder answer = ModelMetadataResponse.newBuilder();
        answer.setName(text(document, "name"));
        document.getAsJsonArray("versions").forEach(version -> answer.addVersions(version.getAsString()));
        answer.setPlatform(text(document, "platform"));
        document.getAsJsonArray("inputs").forEach(input -> answer.addInputs(described(input)));
        document.getAsJsonArray("outputs").forEach(output -> answer.addOutputs(described(output)));
        return answer.build();
    }

    private static TensorMetadata described(JsonElement tensor) {
        JsonObject document = tensor.getAsJsonObject();
        TensorMetadata.Builder made = TensorMetadata.newBuilder();
        made.setName(text(document, "name")).setDatatype(text(document, "datatype"));
        document.getAsJsonArray("shape").forEach(size -> made.addShape(size.getAsLong()));
        return made.build();
    }

    private static Message inference(byte[] body, Map<String, String> headers) {
        String bytes = headers.get(Jobs.JSON_LENGTH.toLowerCase(Locale.ROOT));
        int end = bytes == null ? body.length : Integer.parseInt(bytes);
        JsonObject document = parse(body, end);
        ModelInferResponse.Builder answer = ModelInferResponse.newBuilder();
        answer.setModelName(text(document, "model_name"));
        answer.setModelVersion(text(document, "model_version"));
        if (document.has("id")) {
            answer.setId(text(document, "id"));
        }
        for (JsonElement element : document.getAsJsonArray("outputs")) {
            JsonObject output = element.getAsJsonObject();
            InferOutputTensor.Builder tensor = answer.addOutputsBuilder();
            tensor.setName(text(output, "name")).setDatatype(text(output, "datatype"));
            output.getAsJsonArray("shape").forEach(size -> tensor.addShape(size.getAsLong()));
            int size = output.getAsJsonObject("parameters").get("binary_data_size").getAsInt();
            answer.addRawOutputContents(UnsafeByteOperations.unsafeWrap(body, end, size));
            end += size;
        }
        return answer.build();
    }

    private static JsonObject parse(byte[] body, int bytes) {
        String text = new String(body, 0, bytes, StandardCharsets.UTF_8);
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private static String text(JsonObject document, String name) {
        return document.get(name).getAsString();
    }
}
