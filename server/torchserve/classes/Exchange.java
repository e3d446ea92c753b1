package doubleit;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.netty.buffer.ByteBuf;
import io.netty.buffer.ByteBufOutputStream;
import io.netty.buffer.Unpooled;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandler;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.ChannelPromise;
import io.netty.channel.socket.ChannelInputShutdownEvent;
import io.netty.channel.socket.DuplexChannel;
import io.netty.channel.unix.DomainSocketChannel;
import io.netty.handler.codec.DecoderException;
import io.netty.handler.codec.DecoderResult;
import io.netty.handler.codec.TooLongFrameException;
import io.netty.handler.codec.http.DefaultLastHttpContent;
import io.netty.handler.codec.http.FullHttpResponse;
import io.netty.handler.codec.http.HttpContent;
import io.netty.handler.codec.http.HttpContentDecompressor;
import io.netty.handler.codec.http.HttpHeaderNames;
import io.netty.handler.codec.http.HttpHeaderValues;
import io.netty.handler.codec.http.HttpHeaders;
import io.netty.handler.codec.http.HttpMethod;
import io.netty.handler.codec.http.HttpObject;
import io.netty.handler.codec.http.HttpRequest;
import io.netty.handler.codec.http.HttpResponse;
import io.netty.handler.codec.http.HttpResponseStatus;
import io.netty.handler.codec.http.HttpServerKeepAliveHandler;
import io.netty.handler.codec.http.HttpStatusClass;
import io.netty.handler.codec.http.HttpUtil;
import io.netty.handler.codec.http.LastHttpContent;
import io.netty.util.ReferenceCountUtil;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.Future;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import org.pytorch.serve.util.ConfigManager;

/**
 * A request and its response, on each connection one after the other.
 *
 * <p>Refuses what is not valid HTTP where Netty is lenient or closes the connection without an
 * answer, unpacks compressed bodies, and completes responses: errors get a body with a message, the
 * client's request id comes back, and large JSON is compressed if the client accepts that. Writes
 * the access log.
 */
public final class Exchange extends HttpServerKeepAliveHandler {
    static final String REQUEST_ID = "x-request-id";

    /** More than any identifier in use, and no character that needs escaping anywhere. */
    private static final Pattern ID = Pattern.compile("[\\w.:/+=@-]{1,128}");

    private static final Pattern ABSOLUTE = Pattern.compile("(?i)https?://[^/?#]+([^#]*)");

    private static final Pattern BAD_ESCAPE = Pattern.compile("%(?![0-9A-Fa-f]{2})");

    /** In Accept-Encoding: gzip with any weight but 0. */
    private static final Pattern GZIP =
            Pattern.compile("(?i)(?:^|,)\\s*(?:x-)?gzip\\s*(?!\\s*;\\s*q=0(?:\\.0*)?\\s*(?:,|$))(?:[;,]|$)");

    /** Digits of a length that fits a long. */
    private static final int LENGTH_DIGITS = 18;

    /** A smaller body leaves in a few packets, compressed or not. */
    private static final int COMPRESSED_BYTES = 4 << 10;

    /** The fields of TorchServe's errors. */
    private static final Set<String> FIELDS = Set.of("code", "type", "message");

    /** Errors of TorchServe are smaller; larger ones are those of a model's handler. */
    private static final int ERROR_BYTES = 8 << 10;

    /** How long the rest of a refused request is read, so that the client can read the response. */
    private static final int LINGER_SECONDS = 30;

    private static final String BAD_BODY = "The request's body is not valid HTTP";

    /** Compresses, so that other connections do not wait for it. */
    private static final ThreadPoolExecutor COMPRESSORS =
            threads("compressor", Runtime.getRuntime().availableProcessors());

    /** Whether a request was passed on and its response is not complete. */
    private boolean pending;

    /** Whether the request is still arriving. */
    private boolean receiving;

    /** Whether nothing that arrives is passed on any more. */
    private boolean dropping;

    /** Whether the client has shut its sending side. */
    private boolean shut;

    /** What is wrong with the request, or with the bytes of a later one, and the status for it. */
    private String fault;

    private int refusal = 400;

    /** Bytes of this request's body as unpacked. */
    private long unpacked;

    /** The client's request ID; null if it sent none or an invalid one. */
    private String id;

    /** The client's Accept-Encoding. */
    private String accepted;

    /** The line of the access log; null if none is written. */
    private AccessLog logged;

    private static ThreadPoolExecutor threads(String name, int threads) {
        ThreadPoolExecutor pool =
                new ThreadPoolExecutor(
                        threads,
                        threads,
                        10,
                        TimeUnit.SECONDS,
                        new LinkedBlockingQueue<>(),
                        new DefaultThreadFactory(name, true));
        pool.allowCoreThreadTimeOut(true);
        return pool;
    }

    @Override
    public void channelActive(ChannelHandlerContext ctx) {
        // Only the management API listens on a Unix socket (server/gate.py).
        if (ctx.channel() instanceof DomainSocketChannel) {
            ctx.pipeline().addBefore(Manager.HANDLER, null, new Manager());
        }
        ctx.fireChannelActive();
    }

    @Override
    public void handlerAdded(ChannelHandlerContext ctx) {
        // A client may shut its sending side once its request is complete.
        ctx.channel().config().setOption(ChannelOption.ALLOW_HALF_CLOSURE, true);
    }

    @Override
    public void channelRead(ChannelHandlerContext ctx, Object message) throws Exception {
        if (dropping) {
            ReferenceCountUtil.release(message);
            return;
        }
        if (message instanceof HttpRequest) {
            begin(ctx, (HttpRequest) message);
        } else if (!((HttpObject) message).decoderResult().isSuccess()) {
            fault = BAD_BODY;
            dropping = true;
        } else if (message instanceof LastHttpContent) {
            receiving = false;
        }
        if (logged == null) {
            super.channelRead(ctx, message);
            return;
        }
        AccessLog.pass(logged);
        super.channelRead(ctx, message);
        AccessLog.pass(null);
    }

    private void begin(ChannelHandlerContext ctx, HttpRequest request) {
        HttpHeaders headers = request.headers();
        pending = true;
        receiving = true;
        id = valid(headers.get(REQUEST_ID));
        accepted = headers.get(HttpHeaderNames.ACCEPT_ENCODING);
        String wrong = wrong(request);
        if (AccessLog.isOn()) {
            logged = new AccessLog(request.method().name(), request.uri(), headers::get);
        }
        if (wrong != null) {
            fault = wrong;
            // What follows is not parsed, because nobody knows where the request ends.
            dropping = true;
            request.setDecoderResult(DecoderResult.failure(new DecoderException(wrong)));
            headers.remove(HttpHeaderNames.CONTENT_LENGTH);
            headers.remove(HttpHeaderNames.TRANSFER_ENCODING);
            headers.remove(HttpHeaderNames.EXPECT);
        } else if (headers.contains(HttpHeaderNames.CONTENT_ENCODING)
                && ctx.pipeline().get(Decompressor.class) == null) {
            ctx.pipeline().addAfter(ctx.name(), null, new Decompressor());
        }
    }

    /** Return a client's request ID if it is one that can be sent back, otherwise null. */
    static String valid(String id) {
        return id != null && ID.matcher(id).matches() ? id : null;
    }

    /** Return what is wrong with the head of a request, or null; give its target the usual form. */
    private static String wrong(HttpRequest request) {
        String length = request.headers().get(HttpHeaderNames.CONTENT_LENGTH);
        if (length != null && !isLength(length)) {
            return "Content-Length must be one number of bytes in decimal digits";
        }
        if (!request.decoderResult().isSuccess()) {
            Throwable cause = request.decoderResult().cause();
            return cause instanceof TooLongFrameException
                    ? cause.getMessage()
                    : "The request is not valid HTTP";
        }
        String target = request.uri();
        if (target.isEmpty() || target.charAt(0) != '/') {
            Matcher absolute = ABSOLUTE.matcher(target);
            if (absolute.matches()) {
                target = absolute.group(1);
                target = target.startsWith("/") ? target : "/" + target;
            } else if ("*".equals(target) && HttpMethod.OPTIONS.equals(request.method())) {
                target = "/";
            } else {
                return "The target of the request must be a path that begins with /";
            }
            request.setUri(target);
        }
        if (target.indexOf('%') >= 0 && BAD_ESCAPE.matcher(target).find()) {
            return "The target of the request has a % without two hexadecimal digits";
        }
        return null;
    }

    private static boolean isLength(String length) {
        boolean digits = !length.isEmpty() && length.length() <= LENGTH_DIGITS;
        for (int i = 0; digits && i < length.length(); i++) {
            digits = length.charAt(i) >= '0' && length.charAt(i) <= '9';
        }
        return digits;
    }

    @Override
    public void exceptionCaught(ChannelHandlerContext ctx, Throwable cause) {
        if (cause instanceof DecoderException) {
            // Netty's decoder gave up within a body, for which it throws at each further byte.
            // Requests that arrived before are answered first.
            fault = BAD_BODY;
            fail(ctx);
        } else {
            ctx.fireExceptionCaught(cause);
        }
    }

    @Override
    public void channelReadComplete(ChannelHandlerContext ctx) {
        fail(ctx);
        ctx.fireChannelReadComplete();
    }

    @Override
    public void userEventTriggered(ChannelHandlerContext ctx, Object event) {
        ctx.fireUserEventTriggered(event);
        if (event instanceof ChannelInputShutdownEvent) {
            shut = true;
            fault = "The connection was closed before the request was complete";
            fail(ctx);
            closeIfDone(ctx);
        }
    }

    /** Answer a request whose body will not become complete. */
    private void fail(ChannelHandlerContext ctx) {
        if (fault != null && receiving && pending && !dropping) {
            dropping = true;
            ctx.fireChannelRead(failure());
        }
    }

    private LastHttpContent failure() {
        LastHttpContent end = new DefaultLastHttpContent(Unpooled.EMPTY_BUFFER);
        end.setDecoderResult(DecoderResult.failure(new DecoderException(fault)));
        return end;
    }

    @Override
    public void channelWritabilityChanged(ChannelHandlerContext ctx) {
        ctx.fireChannelWritabilityChanged();
        closeIfDone(ctx);
    }

    private void closeIfDone(ChannelHandlerContext ctx) {
        if (shut && !pending && ctx.channel().isWritable()) {
            ctx.close();
        }
    }

    @Override
    public void write(ChannelHandlerContext ctx, Object message, ChannelPromise promise)
            throws Exception {
        if (!(message instanceof HttpResponse)) {
            finish(ctx, message, promise);
            return;
        }
        HttpResponse response = (HttpResponse) message;
        if (response.status().codeClass() == HttpStatusClass.INFORMATIONAL) {
            super.write(ctx, message, promise);
            return;
        }
        if (response.status().code() >= 400 && response instanceof FullHttpResponse) {
            response = explained((FullHttpResponse) response);
        }
        if (id != null) {
            response.headers().set(REQUEST_ID, id);
        } else if (!response.headers().contains(REQUEST_ID)) {
            response.headers().set(REQUEST_ID, UUID.randomUUID().toString());
        }
        if (response instanceof FullHttpResponse && isCompressible((FullHttpResponse) response)) {
            response.headers().set(HttpHeaderNames.VARY, HttpHeaderNames.ACCEPT_ENCODING);
            if (accepted != null && GZIP.matcher(accepted).find()) {
                compress(ctx, (FullHttpResponse) response, promise);
                return;
            }
        }
        finish(ctx, response, promise);
    }

    /** Write a part of a response, the last of which completes the exchange. */
    private void finish(ChannelHandlerContext ctx, Object message, ChannelPromise promise)
            throws Exception {
        boolean last = message instanceof LastHttpContent;
        HttpResponse head = message instanceof HttpResponse ? (HttpResponse) message : null;
        if (logged != null) {
            log(head, message, last);
        }
        if (last) {
            // Before it is written, because that passes on the next request.
            pending = false;
            unpacked = 0;
        }
        if (last && head != null && receiving && !shut && !HttpUtil.isKeepAlive(head)) {
            linger(ctx, head, promise);
            return;
        }
        if (last && shut) {
            promise = promise.unvoid();
            promise.addListener(written -> ctx.executor().execute(() -> closeIfDone(ctx)));
        }
        super.write(ctx, message, promise);
    }

    /**
     * Send a response to a request that is still arriving, and discard the rest of it. If the
     * connection was closed at once, the client would get a reset in place of the response.
     */
    private void linger(ChannelHandlerContext ctx, HttpResponse response, ChannelPromise promise) {
        dropping = true;
        HttpUtil.setKeepAlive(response, false);
        ctx.write(response)
                .addListener(
                        written -> {
                            if (written.isSuccess() && ctx.channel() instanceof DuplexChannel) {
                                ((DuplexChannel) ctx.channel()).shutdownOutput();
                            }
                        });
        ctx.channel().config().setAutoRead(true);
        Future<?> end =
                ctx.executor().schedule(() -> ctx.close(), LINGER_SECONDS, TimeUnit.SECONDS);
        ctx.channel()
                .closeFuture()
                .addListener(
                        closed -> {
                            end.cancel(false);
                            // Whoever wrote the response would close the connection after this.
                            promise.trySuccess();
                        });
    }

    /** Return an error with a body that says what is wrong, where its own does not. */
    private FullHttpResponse explained(FullHttpResponse response) {
        int code = response.status().code();
        ByteBuf content = response.content();
        JsonObject error;
        if (code == 400 && dropping) {
            code = refusal;
            error = error(code, code == 400 ? "BadRequest" : "ServiceUnavailable", fault);
            response.setStatus(HttpResponseStatus.valueOf(code));
            if (code == 503) {
                response.headers().set(HttpHeaderNames.RETRY_AFTER, 1);
            }
        } else if (!content.isReadable()) {
            error = error(code, code == 413 ? "PayloadTooLarge" : "HttpError", message(response));
        } else {
            error = shipped(response);
        }
        if (error == null) {
            return response;
        }
        JsonElement own = error.get("message");
        String message = own == null ? message(response) : own.getAsString();
        error.addProperty("message", message);
        error.addProperty("error", message);
        FullHttpResponse made =
                response.replace(Unpooled.copiedBuffer(error.toString(), StandardCharsets.UTF_8));
        response.release();
        made.headers().set(HttpHeaderNames.CONTENT_TYPE, HttpHeaderValues.APPLICATION_JSON);
        HttpUtil.setContentLength(made, made.content().readableBytes());
        HttpUtil.setKeepAlive(made, false);
        return made;
    }

    static String tooLarge() {
        int limit = ConfigManager.getInstance().getMaxRequestSize();
        return "The body is larger than " + limit + " bytes, the limit that follows from the "
                + "server's memory: send less, or give the server more (MEMORY)";
    }

    private static String message(HttpResponse response) {
        if (response.status().code() == 413) {
            return tooLarge();
        }
        return response.status().code() == 417
                ? "The only expectation that this server knows is 100-continue"
                : response.status().reasonPhrase();
    }

    /** Return an error as TorchServe writes them, which have no `error`; null for others. */
    private static JsonObject shipped(FullHttpResponse response) {
        ByteBuf content = response.content();
        if (content.readableBytes() > ERROR_BYTES
                || content.getByte(content.readerIndex()) != '{') {
            return null;
        }
        String text = content.toString(StandardCharsets.UTF_8);
        try {
            JsonObject error = JsonParser.parseString(text).getAsJsonObject();
            Set<String> keys = error.keySet();
            boolean fits = keys.contains("code") && keys.contains("type") && FIELDS.containsAll(keys);
            return fits && error.entrySet().stream().allMatch(field -> field.getValue().isJsonPrimitive())
                    ? error
                    : null;
        } catch (JsonParseException | IllegalStateException other) {
            return null;
        }
    }

    static JsonObject error(int code, String type, String message) {
        JsonObject error = new JsonObject();
        error.addProperty("code", code);
        error.addProperty("type", type);
        error.addProperty("message", message);
        error.addProperty("error", message);
        return error;
    }

    private static boolean isCompressible(FullHttpResponse response) {
        if (response.content().readableBytes() < COMPRESSED_BYTES) {
            return false;
        }
        HttpHeaders headers = response.headers();
        String type = headers.get(HttpHeaderNames.CONTENT_TYPE, "");
        return (type.startsWith("application/json") || type.startsWith("text/"))
                && !headers.contains(HttpHeaderNames.CONTENT_ENCODING);
    }

    private void compress(
            ChannelHandlerContext ctx, FullHttpResponse plain, ChannelPromise promise) {
        COMPRESSORS.execute(
                () -> {
                    FullHttpResponse response = packed(ctx, plain);
                    ctx.executor()
                            .execute(
                                    () -> {
                                        try {
                                            finish(ctx, response, promise);
                                            ctx.flush();
                                        } catch (Exception error) {
                                            ctx.fireExceptionCaught(error);
                                        }
                                    });
                });
    }

    private static FullHttpResponse packed(ChannelHandlerContext ctx, FullHttpResponse plain) {
        ByteBuf content = plain.content();
        ByteBuf packed = null;
        try {
            packed = ctx.alloc().buffer(content.readableBytes() / 4);
            try (GZIPOutputStream gzip = new Gzip(new ByteBufOutputStream(packed))) {
                content.getBytes(content.readerIndex(), gzip, content.readableBytes());
            }
        } catch (IOException | OutOfMemoryError error) {
            ReferenceCountUtil.release(packed);
            return plain;
        }
        FullHttpResponse response = plain.replace(packed);
        plain.release();
        response.headers().set(HttpHeaderNames.CONTENT_ENCODING, HttpHeaderValues.GZIP);
        HttpUtil.setContentLength(response, packed.readableBytes());
        return response;
    }

    private static final class Gzip extends GZIPOutputStream {
        Gzip(ByteBufOutputStream out) throws IOException {
            super(out, 8 << 10);
            def.setLevel(Deflater.BEST_SPEED);
        }
    }

    private void log(HttpResponse head, Object message, boolean last) {
        if (head != null) {
            logged.status = head.status().code();
            logged.id = head.headers().get(REQUEST_ID);
        }
        if (message instanceof HttpContent) {
            logged.bytes += ((HttpContent) message).content().readableBytes();
        }
        if (last) {
            logged.write();
            logged = null;
        }
    }

    /**
     * Passes management requests to TorchServe's handler in another thread: they may wait until a
     * worker has started or stopped.
     */
    private static final class Manager extends ChannelInboundHandlerAdapter {
        /** The name of TorchServe's handler. */
        static final String HANDLER = "handler";

        private static final ThreadPoolExecutor THREADS = threads("management", 16);

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object request) {
            ChannelHandlerContext next = ctx.pipeline().context(HANDLER);
            THREADS.execute(
                    () -> {
                        try {
                            ((ChannelInboundHandler) next.handler()).channelRead(next, request);
                        } catch (Exception error) {
                            ctx.fireExceptionCaught(error);
                        }
                    });
        }
    }

    /** Unpacks gzip and deflate; the aggregator that follows limits the size of the result. */
    private final class Decompressor extends HttpContentDecompressor {
        private boolean packed;

        @Override
        public void channelRead(ChannelHandlerContext ctx, Object message) throws Exception {
            if (message instanceof HttpRequest) {
                HttpHeaders headers = ((HttpRequest) message).headers();
                packed = headers.contains(HttpHeaderNames.CONTENT_ENCODING);
            }
            if (packed) {
                super.channelRead(ctx, message);
            } else {
                ctx.fireChannelRead(message);
            }
        }

        private void refuse(int status, String message, List<Object> out) {
            refusal = status;
            fault = message;
            dropping = true;
            out.forEach(ReferenceCountUtil::release);
            out.clear();
            out.add(failure());
        }

        @Override
        protected void decode(ChannelHandlerContext ctx, HttpObject message, List<Object> out)
                throws Exception {
            try {
                super.decode(ctx, message, out);
            } catch (DecoderException error) {
                refuse(400, "The body is not what its Content-Encoding says", out);
                return;
            }
            long bytes = 0;
            for (Object part : out) {
                if (part instanceof HttpContent) {
                    bytes += ((HttpContent) part).content().readableBytes();
                }
            }
            unpacked += bytes;
            InTurn budget = ctx.pipeline().get(InTurn.class);
            if (budget != null && !budget.unpacked(unpacked)) {
                refuse(503, InTurn.BUSY, out);
            }
        }
    }
}
