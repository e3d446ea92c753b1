package doubleit;

import com.google.protobuf.ByteString;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.ClientCalls;
import java.net.InetSocketAddress;
import org.pytorch.serve.grpc.openinference.GRPCInferenceServiceGrpc;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelInferRequest;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelInferResponse;

/** A client over gRPC, for the training run of the start-up cache (start_cache.py). */
final class Training {
    private static final int[] NUMBERS = {10, 100_000};
    private static final int[] CALLS = {6_000, 400};

    private Training() {}

    public static void main(String[] arguments) {
        InetSocketAddress address =
                new InetSocketAddress("127.0.0.1", Integer.parseInt(arguments[0]));
        // Of gRPC's resolvers of host names, the jar only has the one for Unix sockets.
        ManagedChannel channel = NettyChannelBuilder.forAddress(address).usePlaintext().build();
        MethodDescriptor<ModelInferRequest, ModelInferResponse> infer =
                GRPCInferenceServiceGrpc.getModelInferMethod().toBuilder()
                        .setFullMethodName(GrpcService.NAME + "/ModelInfer")
                        .build();
        for (int i = 0; i < NUMBERS.length; i++) {
            ModelInferRequest.Builder request = ModelInferRequest.newBuilder();
            request.setModelName(arguments[1]);
            request.addInputsBuilder().setName("numbers").setDatatype("INT64").addShape(NUMBERS[i]);
            request.addRawInputContents(ByteString.copyFrom(new byte[NUMBERS[i] * Long.BYTES]));
            for (int call = 0; call < CALLS[i]; call++) {
                ClientCalls.blockingUnaryCall(channel, infer, CallOptions.DEFAULT, request.build());
            }
        }
        channel.shutdownNow();
    }
}
