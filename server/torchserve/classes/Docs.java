package doubleit;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.handler.codec.http.DefaultFullHttpResponse;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpVersion;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import org.pytorch.serve.util.NettyUtils;

/** The specification of the API for the models of this server, and a page that shows it. */
final class Docs {
    private static final String SPECIFICATION = "openapi.json";

    /** The content types of the paths, which are also the names of the files in the jar. */
    private static final Map<String, String> TYPES = Map.of(
            SPECIFICATION, "application/json",
            "docs", "text/html; charset=utf-8",
            "docs/docs.js", "text/javascript; charset=utf-8",
            "docs/docs.css", "text/css; charset=utf-8");

    /** The page loads nothing from other hosts, and no other page can show it in a frame. */
    private static final String POLICY = "default-src 'none'; connect-src 'self'; script-src 'self'; "
            + "style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
            + "frame-ancestors 'none'";

    /** The model of the specification's examples. */
    private static final String EXAMPLE = "doubleit";

    private Docs() {}

    static boolean has(String path) {
        return TYPES.containsKey(path);
    }

    static void send(ChannelHandlerContext ctx, String path, Set<String> models) {
        byte[] body = file(path.equals("docs") ? "docs/docs.html" : path);
        if (path.equals(SPECIFICATION)) {
            body = specification(body, models).toString().getBytes(StandardCharsets.UTF_8);
        }
        FullHttpResponse response =
                new DefaultFullHttpResponse(
                        HttpVersion.HTTP_1_1, HttpResponseStatus.OK, Unpooled.wrappedBuffer(body));
        response.headers()
                .set(HttpHeaderNames.CONTENT_TYPE, TYPES.get(path))
                .set(HttpHeaderNames.CACHE_CONTROL, "no-cache")
                .set(HttpHeaderNames.CONTENT_SECURITY_POLICY, POLICY)
                .set("X-Content-Type-Options", "nosniff")
                .set("Referrer-Policy", "no-referrer");
        NettyUtils.sendHttpResponse(ctx, response, true);
    }

    private static byte[] file(String name) {
        String file = name.substring(name.lastIndexOf('/') + 1);
        try (InputStream content = Docs.class.getResourceAsStream(file)) {
            return content.readAllBytes();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    /** Return the specification with the names of the models as values of a parameter. */
    private static JsonObject specification(byte[] file, Set<String> models) {
        String text = new String(file, StandardCharsets.UTF_8);
        JsonObject document = JsonParser.parseString(text).getAsJsonObject();
        document.remove("servers");
        JsonElement forAnyModel = document.remove("x-any-model");
        if (!models.equals(Set.of(EXAMPLE))) {
            merge(document, forAnyModel.getAsJsonObject());
        }
        JsonArray names = new JsonArray();
        models.forEach(names::add);
        JsonObject parameter = document.getAsJsonObject("components")
                .getAsJsonObject("parameters").getAsJsonObject("model");
        parameter.getAsJsonObject("schema").add("enum", names);
        JsonObject paths = new JsonObject();
        for (Map.Entry<String, JsonElement> entry : document.getAsJsonObject("paths").entrySet()) {
            String path = entry.getKey().replace("/" + EXAMPLE, "/{model}");
            JsonObject item = entry.getValue().getAsJsonObject();
            if (!path.equals(entry.getKey())) {
                JsonArray parameters = new JsonArray();
                JsonObject reference = new JsonObject();
                reference.addProperty("$ref", "#/components/parameters/model");
                parameters.add(reference);
                if (item.has("parameters")) {
                    parameters.addAll(item.getAsJsonArray("parameters"));
                }
                item.add("parameters", parameters);
            }
            paths.add(path, item);
        }
        document.add("paths", paths);
        return document;
    }

    /** Apply a JSON Merge Patch (RFC 7396). */
    private static void merge(JsonObject target, JsonObject patch) {
        for (Map.Entry<String, JsonElement> change : patch.entrySet()) {
            JsonElement before = target.get(change.getKey());
            if (change.getValue().isJsonNull()) {
                target.remove(change.getKey());
            } else if (change.getValue().isJsonObject() && before != null && before.isJsonObject()) {
                merge(before.getAsJsonObject(), change.getValue().getAsJsonObject());
            } else {
                target.add(change.getKey(), change.getValue());
            }
        }
    }
}
