package doubleit;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.FullHttpRequest;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.QueryStringDecoder;
import java.util.Arrays;
import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.pytorch.serve.archive.DownloadArchiveException;
import org.pytorch.serve.archive.model.ModelException;
import org.pytorch.serve.archive.model.ModelNotFoundException;
import org.pytorch.serve.archive.workflow.WorkflowException;
import org.pytorch.serve.http.MethodNotAllowedException;
import org.pytorch.serve.http.ResourceNotFoundException;
import org.pytorch.serve.http.api.rest.ApiDescriptionRequestHandler;
import org.pytorch.serve.util.ConfigManager;
import org.pytorch.serve.util.ConnectorType;
import org.pytorch.serve.util.NettyUtils;
import org.pytorch.serve.wlm.Model;
import org.pytorch.serve.wlm.ModelManager;
import org.pytorch.serve.wlm.ModelVersionedRefs;
import org.pytorch.serve.wlm.WorkerInitializationException;
import org.pytorch.serve.wlm.WorkerState;

/**
 * What the paths of the inference API mean, before TorchServe's own routing.
 *
 * <p>Health, readiness and lists are answered here. Everything about a version of a model becomes
 * the path below `/predictions` that TorchServe has for it.
 */
public final class Routes extends ApiDescriptionRequestHandler {
    /** Headers by which TorchServe tells a handler what to do; clients must not set them. */
    private static final String[] INTERNAL = {"url_path", "url_query", "explain", "describe"};

    private static final Set<String> DOCS = Set.of("docs", "openapi.json");

    /** The name of the server in its metadata. */
    static final String SERVER = "torchserve";

    private final boolean inference;

    public Routes(ConnectorType type) {
        super(type);
        inference = type == ConnectorType.ALL || type == ConnectorType.INFERENCE_CONNECTOR;
    }

    @Override
    public void handleRequest(
            ChannelHandlerContext ctx,
            FullHttpRequest request,
            QueryStringDecoder decoder,
            String[] path)
            throws ModelException, DownloadArchiveException, WorkflowException,
                    WorkerInitializationException {
        String[] routed = path;
        if (inference) {
            HttpHeaders headers = request.headers();
            for (String name : INTERNAL) {
                headers.remove(name);
            }
            if (!decoder.rawQuery().isEmpty()) {
                headers.set("url_query", decoder.rawQuery());
            }
            if (path.length == 0 && isGet(request)) {
                JsonObject alive = new JsonObject();
                alive.addProperty("status", "alive");
                send(ctx, alive);
                return;
            }
            if (path.length > 1 && path[1].length() == 2) {
                routed = route(ctx, request, path);
            } else if (path.length > 1 && DOCS.contains(path[1])) {
                String rest = String.join("/", Arrays.copyOfRange(path, 1, path.length));
                if (Docs.has(rest)) {
                    require(request, HttpMethod.GET);
                    Docs.send(ctx, rest, models().keySet());
                    return;
                }
            }
        }
        if (routed != null) {
            super.handleRequest(ctx, request, named(decoder, path), routed);
        }
    }

    /** Return the query, with the server's model if `/invocations` names none. */
    private static QueryStringDecoder named(QueryStringDecoder query, String[] path) {
        boolean invocations = path.length == 2 && "invocations".equals(path[1]);
        if (!invocations || query.parameters().containsKey("model_name")) {
            return query;
        }
        String model = "?model_name=" + System.getProperty("doubleit.model");
        return new QueryStringDecoder(query.path() + model + "&" + query.rawQuery());
    }

    /** Return the path to go on with, or null if the request has been answered. */
    private static String[] route(ChannelHandlerContext ctx, FullHttpRequest request, String[] path)
            throws ModelException {
        boolean v2 = "v2".equals(path[1]);
        String rest = String.join("/", Arrays.copyOfRange(path, 2, path.length));
        if (v2 && rest.isEmpty()) {
            send(ctx, server(), request);
        } else if (v2 && "health/live".equals(rest)) {
            JsonObject live = new JsonObject();
            live.addProperty("live", true);
            send(ctx, live, request);
        } else if (v2 && "health/ready".equals(rest)) {
            sendReady(ctx, new JsonObject(), areReady(), request);
        } else if (v2 && "repository/index".equals(rest)) {
            require(request, HttpMethod.POST);
            send(ctx, index());
        } else if ((v2 || "v1".equals(path[1])) && "models".equals(rest)) {
            JsonArray names = new JsonArray();
            models().keySet().forEach(names::add);
            JsonObject all = new JsonObject();
            all.add("models", names);
            send(ctx, all, request);
        } else if (v2 && path.length > 3 && "models".equals(path[2])) {
            return model(ctx, request, path);
        } else if ("v1".equals(path[1]) && path.length == 4 && "models".equals(path[2])
                && path[3].indexOf(':') < 0) {
            ready(ctx, request, path[3], null);
        } else {
            return path;
        }
        return null;
    }

    /** Route what V2 has below `/v2/models/NAME[/versions/VERSION]`. */
    private static String[] model(ChannelHandlerContext ctx, FullHttpRequest request, String[] path)
            throws ModelException {
        String name = path[3];
        boolean versioned = path.length > 5 && "versions".equals(path[4]);
        String version = versioned ? path[5] : null;
        String[] rest = Arrays.copyOfRange(path, versioned ? 6 : 4, path.length);
        if (rest.length == 0) {
            require(request, HttpMethod.GET);
            String found = find(name, version).getVersion();
            return new String[] {"", "predictions", name, found, "metadata"};
        }
        if (rest.length == 1 && "ready".equals(rest[0])) {
            ready(ctx, request, name, version);
            return null;
        }
        if (rest.length == 1 && "infer".equals(rest[0])) {
            return version == null
                    ? new String[] {"", "predictions", name}
                    : new String[] {"", "predictions", name, version};
        }
        throw new ResourceNotFoundException();
    }

    private static void ready(
            ChannelHandlerContext ctx, FullHttpRequest request, String name, String version)
            throws ModelException {
        boolean ready = isReady(find(name, version));
        JsonObject answer = new JsonObject();
        answer.addProperty("name", name);
        sendReady(ctx, answer, ready, request);
    }

    static Model find(String name, String version) throws ModelException {
        Model model = ModelManager.getInstance().getModel(name, version);
        if (model == null) {
            throw new ModelNotFoundException("Model not found: " + name);
        }
        return model;
    }

    private static Map<String, ModelVersionedRefs> models() {
        Map<String, ModelVersionedRefs> models = new TreeMap<>();
        ModelManager.getInstance()
                .getAllModels()
                .forEach(model -> models.put(model.getKey(), model.getValue()));
        return models;
    }

    static boolean areReady() {
        Collection<ModelVersionedRefs> models = models().values();
        return !models.isEmpty()
                && models.stream().allMatch(model -> isReady(model.getDefaultModel()));
    }

    /** Return whether a worker has loaded this version of a model. */
    static boolean isReady(Model model) {
        return model != null
                && ModelManager.getInstance().getWorkers(model.getModelVersionName()).stream()
                        .anyMatch(worker -> worker.getState() == WorkerState.WORKER_MODEL_LOADED);
    }

    private static JsonObject server() {
        JsonArray extensions = new JsonArray();
        extensions.add("binary_tensor_data");
        JsonObject server = new JsonObject();
        server.addProperty("name", SERVER);
        server.addProperty("version", ConfigManager.getInstance().getVersion());
        server.add("extensions", extensions);
        return server;
    }

    /** Return all versions of all models, in the format of Triton's model repository extension. */
    private static JsonArray index() {
        JsonArray index = new JsonArray();
        models().forEach((name, versions) -> {
            for (Map.Entry<String, Model> entry : versions.getAllVersions()) {
                JsonObject version = new JsonObject();
                version.addProperty("name", name);
                version.addProperty("version", entry.getKey());
                version.addProperty("state", isReady(entry.getValue()) ? "READY" : "UNAVAILABLE");
                version.addProperty("reason", "");
                index.add(version);
            }
        });
        return index;
    }

    private static boolean isGet(FullHttpRequest request) {
        return HttpMethod.GET.equals(request.method()) || HttpMethod.HEAD.equals(request.method());
    }

    private static void require(FullHttpRequest request, HttpMethod method) {
        if (!method.equals(request.method())) {
            throw new MethodNotAllowedException();
        }
    }

    private static void sendReady(
            ChannelHandlerContext ctx, JsonObject answer, boolean ready, FullHttpRequest request) {
        require(request, HttpMethod.GET);
        HttpResponseStatus status = HttpResponseStatus.OK;
        answer.addProperty("ready", ready);
        if (!ready) {
            status = HttpResponseStatus.SERVICE_UNAVAILABLE;
            String message = "No worker has loaded the model yet";
            Exchange.error(status.code(), "NotReady", message).entrySet()
                    .forEach(field -> answer.add(field.getKey(), field.getValue()));
        }
        NettyUtils.sendJsonResponse(ctx, answer.toString(), status);
    }

    private static void send(
            ChannelHandlerContext ctx, JsonElement answer, FullHttpRequest request) {
        require(request, HttpMethod.GET);
        send(ctx, answer);
    }

    private static void send(ChannelHandlerContext ctx, JsonElement answer) {
        NettyUtils.sendJsonResponse(ctx, answer.toString());
    }
}
