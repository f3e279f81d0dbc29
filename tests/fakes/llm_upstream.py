"""A provider of models on loopback: OpenAI's and Anthropic's shapes, whole and streamed, with usage as they report it."""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

INPUT: Final = 100  # tokens every answer reports, 20 of them read from a cache
CACHED: Final = 20
OUTPUT: Final = 40
WORDS: Final = 20  # pieces of a streamed answer


class LlmUpstream:
    """Answers `model says hi`; models in `failing` answer 500. `asked` lists every request as (path, body)."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.failing: set[str] = set()
        self.pause = 0.0  # seconds between two pieces of a stream
        self.broken_off = 0  # streams whose reader went away
        self.usage = INPUT, CACHED, OUTPUT
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def models(self) -> list[str]:
        return [str(body.get("model")) for _, body in self.asked]

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        model = str(body.get("model"))
        if model in self.failing:
            return 500, {"error": {"message": f"{model} is down", "type": "server_error"}}
        text = f"{model} says hi"
        given, cached, made = self.usage
        if path.endswith("/messages"):
            usage = {"input_tokens": given - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0}
            return 200, _message(model, text) | {"usage": usage | {"output_tokens": made}}
        if path.endswith("/responses"):
            return 200, _response(model, text, self.usage)
        if path.endswith("/embeddings"):
            data = [{"object": "embedding", "index": 0, "embedding": [0.1, 0.2]}]
            return 200, {"object": "list", "model": model, "data": data, "usage": {"prompt_tokens": given, "total_tokens": given}}
        return 200, {
            "id": f"chatcmpl-{len(self.asked)}",
            "object": "chat.completion",
            "created": 1,
            "model": model,
            "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
            "usage": _chat_usage(self.usage),
        }

    def pieces(self, path: str, body: dict[str, Any]) -> Iterator[str]:
        model = str(body.get("model"))
        return _anthropic_pieces(model, self.usage) if path.endswith("/messages") else _chat_pieces(model, body, self.usage)


def _handler(upstream: LlmUpstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            upstream.asked.append((self.path, body))
            status, document = upstream.answer(self.path, body)
            if status == 200 and body.get("stream"):
                self._stream(upstream.pieces(self.path, body))
            else:
                self._whole(status, json.dumps(document).encode())

        def _whole(self, status: int, content: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _stream(self, pieces: Iterator[str]) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("connection", "close")
            self.end_headers()
            self.close_connection = True
            try:
                for piece in pieces:
                    self.wfile.write(piece.encode())
                    self.wfile.flush()
                    time.sleep(upstream.pause)
            except (BrokenPipeError, ConnectionResetError):
                upstream.broken_off += 1

        def log_message(self, *_: object) -> None: ...

    return Handler


def _chat_usage(usage: tuple[int, int, int]) -> dict[str, Any]:
    given, cached, made = usage
    details = {"prompt_tokens_details": {"cached_tokens": cached}}
    return {"prompt_tokens": given, "completion_tokens": made, "total_tokens": given + made, **details}


def _chat_pieces(model: str, body: dict[str, Any], usage: tuple[int, int, int]) -> Iterator[str]:
    head = {"id": "chatcmpl-s", "object": "chat.completion.chunk", "created": 1, "model": model}
    for number in range(WORDS):
        delta = {"role": "assistant", "content": f"word{number} "} if number == 0 else {"content": f"word{number} "}
        yield _sse(head | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    yield _sse(head | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _sse(head | {"choices": [], "usage": _chat_usage(usage)})
    yield "data: [DONE]\n\n"


def _anthropic_pieces(model: str, usage: tuple[int, int, int]) -> Iterator[str]:
    given, cached, made = usage
    begun = {"input_tokens": given - cached, "cache_read_input_tokens": cached, "cache_creation_input_tokens": 0, "output_tokens": 1}
    start = _message(model, "") | {"content": [], "stop_reason": None, "usage": begun}
    yield _event("message_start", {"message": start})
    yield _event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
    for number in range(WORDS):
        yield _event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": f"word{number} "}})
    yield _event("content_block_stop", {"index": 0})
    yield _event("message_delta", {"delta": {"stop_reason": "end_turn", "stop_sequence": None}, "usage": {"output_tokens": made}})
    yield _event("message_stop", {})


def _message(model: str, text: str) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    about = {"type": "message", "role": "assistant", "model": model, "content": content}
    return {"id": "msg_1", **about, "stop_reason": "end_turn", "stop_sequence": None}


def _response(model: str, text: str, usage: tuple[int, int, int]) -> dict[str, Any]:
    given, cached, made = usage
    content = [{"type": "output_text", "text": text, "annotations": []}]
    output = [{"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": content}]
    about = {"id": "resp_1", "object": "response", "created_at": 1, "status": "completed", "model": model, "output": output}
    details = {"input_tokens_details": {"cached_tokens": cached}, "output_tokens_details": {"reasoning_tokens": 0}}
    counted = {"input_tokens": given, "output_tokens": made, "total_tokens": given + made, **details}
    return about | {"parallel_tool_calls": True, "tool_choice": "auto", "tools": [], "usage": counted}


def _sse(document: dict[str, Any]) -> str:
    return f"data: {json.dumps(document)}\n\n"


def _event(kind: str, document: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **document})}\n\n"
