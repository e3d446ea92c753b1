package doubleit;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import com.google.protobuf.ByteString;
import com.google.protobuf.CodedInputStream;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.WireFormat;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.InferParameter;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelInferRequest;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelInferRequest.InferInputTensor;
import org.pytorch.serve.grpc.openinference.OpenInferenceGrpc.ModelInferRequest.InferRequestedOutputTensor;

/**
 * A request of the Open Inference Protocol over gRPC, as the body that a client would send over HTTP:
 * JSON, and the tensors as binary data.
 *
 * <p>The message is read field by field. Generated classes would take up to fifty times its size,
 * because each element of two bytes becomes an object.
 */
final class GrpcRequest {
    /** Tensors and parameters; each becomes an object, before the handler counts them. */
    private static final int ITEMS = 4096;

    /** More than the handler accepts, which says so. */
    private static final int DIMENSIONS = 16;

    /**
     * The widest datatypes of the fields of InferTensorContents, by the fields' numbers. FP16 and BF16
     * have no field.
     */
    private static final List<String> WIDEST =
            List.of("", "BOOL", "INT32", "INT64", "UINT32", "UINT64", "FP32", "FP64", "BYTES");

    /** Integers are converted in blocks of as many bytes. */
    private static final int BLOCK_BYTES = 8 << 10;

    /** Handles a field: a string, message or packed list, or the encoded bytes of a number. */
    private interface Field {
        void read(int number, ByteString value) throws IOException;
    }

    private static final class Tensor {
        final JsonObject json = new JsonObject();
        final JsonObject parameters = new JsonObject();
        final JsonArray shape = new JsonArray();
        String datatype = "";
        ByteString contents = ByteString.EMPTY;
    }

    private int items;

    /** The model's name and version, empty for the default; all other requests have only these. */
    String name = "";

    String version = "";

    /** Bytes of JSON at the start of the body. */
    int jsonBytes;

    byte[] body;

    /**
     * Read a request.
     *
     * @throws io.grpc.StatusRuntimeException the request is invalid, or its body too large.
     */
    GrpcRequest(ByteString message) {
        try {
            read(message);
        } catch (IOException error) {
            throw invalid("The request is not a valid message: " + error.getMessage());
        }
    }

    private void read(ByteString message) throws IOException {
        JsonObject document = new JsonObject();
        JsonObject parameters = new JsonObject();
        JsonArray inputs = new JsonArray();
        JsonArray outputs = new JsonArray();
        List<Tensor> tensors = new ArrayList<>();
        List<ByteString> raw = new ArrayList<>();
        each(message, (number, value) -> {
            switch (number) {
                case ModelInferRequest.MODEL_NAME_FIELD_NUMBER:
                    name = text(value);
                    break;
                case ModelInferRequest.MODEL_VERSION_FIELD_NUMBER:
                    version = text(value);
                    break;
                case ModelInferRequest.ID_FIELD_NUMBER:
                    document.addProperty("id", text(value));
                    break;
                case ModelInferRequest.PARAMETERS_FIELD_NUMBER:
                    parameter(value, parameters);
                    break;
                case ModelInferRequest.INPUTS_FIELD_NUMBER:
                    count();
                    tensors.add(input(value));
                    break;
                case ModelInferRequest.OUTPUTS_FIELD_NUMBER:
                    count();
                    outputs.add(output(value));
                    break;
                case ModelInferRequest.RAW_INPUT_CONTENTS_FIELD_NUMBER:
                    count();
                    raw.add(value);
                    break;
                default: // a field of a later version of the protocol
            }
        });
        if (!raw.isEmpty() && raw.size() != tensors.size()) {
            throw invalid("Expected contents for each of the " + tensors.size() + " inputs, got "
                    + raw.size() + " - at raw_input_contents");
        }
        for (int i = 0; i < tensors.size(); i++) {
            Tensor tensor = tensors.get(i);
            String place = "inputs[" + i + "].contents";
            if (raw.size() > i && !tensor.contents.isEmpty()) {
                throw invalid("Expected contents or raw_input_contents, got both - at " + place);
            }
            if (raw.size() <= i) {
                raw.add(converted(tensor.datatype, tensor.contents, place));
            }
            tensor.parameters.addProperty("binary_data_size", raw.get(i).size());
            tensor.json.add("shape", tensor.shape);
            tensor.json.addProperty("datatype", tensor.datatype);
            tensor.json.add("parameters", tensor.parameters);
            inputs.add(tensor.json);
        }
        parameters.addProperty("binary_data_output", true);
        document.add("parameters", parameters);
        document.add("inputs", inputs);
        if (outputs.size() > 0) {
            document.add("outputs", outputs);
        }
        byte[] json = document.toString().getBytes(StandardCharsets.UTF_8);
        long size = json.length + raw.stream().mapToLong(ByteString::size).sum();
        check(size);
        jsonBytes = json.length;
        body = Arrays.copyOf(json, (int) size);
        int end = json.length;
        for (ByteString tensor : raw) {
            tensor.copyTo(body, end);
            end += tensor.size();
        }
    }

    private Tensor input(ByteString message) throws IOException {
        Tensor tensor = new Tensor();
        tensor.json.addProperty("name", "");
        each(message, (number, value) -> {
            switch (number) {
                case InferInputTensor.NAME_FIELD_NUMBER:
                    tensor.json.addProperty("name", text(value));
                    break;
                case InferInputTensor.DATATYPE_FIELD_NUMBER:
                    tensor.datatype = text(value);
                    break;
                case InferInputTensor.SHAPE_FIELD_NUMBER:
                    CodedInputStream sizes = value.newCodedInput();
                    while (!sizes.isAtEnd() && tensor.shape.size() < DIMENSIONS) {
                        tensor.shape.add(sizes.readInt64());
                    }
                    break;
                case InferInputTensor.PARAMETERS_FIELD_NUMBER:
                    parameter(value, tensor.parameters);
                    break;
                case InferInputTensor.CONTENTS_FIELD_NUMBER:
                    // A message that is sent in parts consists of the parts one after the other.
                    tensor.contents = tensor.contents.concat(value);
                    break;
                default:
            }
        });
        return tensor;
    }

    private JsonObject output(ByteString message) throws IOException {
        JsonObject output = new JsonObject();
        JsonObject parameters = new JsonObject();
        output.addProperty("name", "");
        each(message, (number, value) -> {
            if (number == InferRequestedOutputTensor.NAME_FIELD_NUMBER) {
                output.addProperty("name", text(value));
            } else if (number == InferRequestedOutputTensor.PARAMETERS_FIELD_NUMBER) {
                parameter(value, parameters);
            }
        });
        parameters.addProperty("binary_data", true);
        output.add("parameters", parameters);
        return output;
    }

    /** Read an entry of a map of parameters. */
    private void parameter(ByteString entry, JsonObject parameters) throws IOException {
        count();
        String[] key = {""};
        JsonPrimitive[] choice = {null};
        each(entry, (number, value) -> {
            if (number == 1) {
                key[0] = text(value);
            } else if (number == 2) {
                each(value, (kind, chosen) -> choice[0] = choice(kind, chosen));
            }
        });
        if (choice[0] != null) {
            parameters.add(key[0], choice[0]);
        }
    }

    private static JsonPrimitive choice(int kind, ByteString value) throws IOException {
        CodedInputStream in = value.newCodedInput();
        switch (kind) {
            case InferParameter.BOOL_PARAM_FIELD_NUMBER:
                return new JsonPrimitive(in.readBool());
            case InferParameter.INT64_PARAM_FIELD_NUMBER:
                return new JsonPrimitive(in.readInt64());
            case InferParameter.STRING_PARAM_FIELD_NUMBER:
                return new JsonPrimitive(text(value));
            case 4: // double_param, which later versions of the protocol have
                return new JsonPrimitive(in.readDouble());
            case 5: // uint64_param
                return new JsonPrimitive(new BigInteger(Long.toUnsignedString(in.readUInt64())));
            default:
                return null;
        }
    }

    /** Return the contents of a tensor as binary data, little-endian. */
    private static ByteString converted(String datatype, ByteString contents, String place)
            throws IOException {
        int expected = WIDEST.indexOf(datatype.replaceFirst("INT(8|16)$", "INT32"));
        ByteString.Output out = ByteString.newOutput();
        int[] index = {0};
        each(contents, (number, value) -> {
            if (expected < 1) {
                throw invalid(datatype + " has no typed contents, send raw_input_contents - at " + place);
            }
            if (number >= WIDEST.size()) {
                return;
            }
            if (number != expected) {
                throw invalid("Expected " + field(expected) + " for " + datatype + ", got "
                        + field(number) + " - at " + place);
            }
            if (datatype.startsWith("FP") || "BYTES".equals(datatype)) {
                // Strings are refused by the handler.
                value.writeTo(out);
            } else {
                integers(out, value, datatype, place + "." + field(number), index);
            }
            check(out.size());
        });
        return out.toByteString();
    }

    private static String field(int number) {
        return WIDEST.get(number).toLowerCase(Locale.ROOT).replace("int32", "int") + "_contents";
    }

    private static void integers(
            ByteString.Output out, ByteString packed, String datatype, String place, int[] index)
            throws IOException {
        boolean bool = "BOOL".equals(datatype);
        boolean signed = datatype.startsWith("INT");
        int bits = bool ? Byte.SIZE : Integer.parseInt(datatype.substring(signed ? 3 : 4));
        long least = signed ? -(1L << (bits - 1)) : 0;
        ByteBuffer block = ByteBuffer.allocate(BLOCK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
        CodedInputStream in = packed.newCodedInput();
        for (; !in.isAtEnd(); index[0]++) {
            long value = in.readRawVarint64();
            if (bool) {
                value = value == 0 ? 0 : 1;
            } else if (bits < Long.SIZE) {
                // As protobuf does: a number of 32 bits, whatever follows.
                value = signed ? (int) value : value & 0xffffffffL;
                if (value < least || value >= least + (1L << bits)) {
                    throw invalid(value + " does not fit " + datatype + " - at " + place + "["
                            + index[0] + "]");
                }
            }
            block.putLong(block.position(), value);
            block.position(block.position() + bits / Byte.SIZE);
            if (block.remaining() < Long.BYTES || in.isAtEnd()) {
                out.write(block.array(), 0, block.position());
                block.clear();
                check(out.size());
            }
        }
    }

    private static void each(ByteString message, Field field) throws IOException {
        CodedInputStream in = message.newCodedInput();
        in.enableAliasing(true);
        for (int tag = in.readTag(); tag != 0; tag = in.readTag()) {
            int number = WireFormat.getTagFieldNumber(tag);
            if (WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_LENGTH_DELIMITED) {
                field.read(number, in.readBytes());
                continue;
            }
            int start = in.getTotalBytesRead();
            // Skipping a group would recurse as deep as groups are nested.
            if (WireFormat.getTagWireType(tag) == WireFormat.WIRETYPE_START_GROUP
                    || !in.skipField(tag)) {
                throw new InvalidProtocolBufferException("it has a group");
            }
            field.read(number, message.substring(start, in.getTotalBytesRead()));
        }
    }

    private static String text(ByteString value) {
        if (!value.isValidUtf8()) {
            throw invalid("A string of the request is not UTF-8");
        }
        return value.toStringUtf8();
    }

    private void count() {
        if (++items > ITEMS) {
            throw invalid("The request has more than " + ITEMS + " tensors and parameters");
        }
    }

    private static void check(long size) {
        if (size > GrpcArrival.LIMIT_BYTES) {
            throw GrpcArrival.tooLarge();
        }
    }

    static StatusRuntimeException invalid(String message) {
        return Status.INVALID_ARGUMENT.withDescription(message).asRuntimeException();
    }
}
