#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""minimal.py MODEL.gguf PROMPT: one answer through libslm, with nothing but Python's ctypes."""
import ctypes
import sys
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_int32, c_int64, c_size_t, c_uint32, \
    c_uint64, c_void_p

WRITE = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)
LOG = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)


class Struct(ctypes.Structure):
    """Begins with its own size, as every struct of the library that may grow."""

    def __init__(self, **values):
        super().__init__(size_bytes=ctypes.sizeof(self), **values)


class EngineParams(Struct):
    _fields_ = [("size_bytes", c_size_t), ("model_path", c_char_p), ("device", c_char_p),
                ("cache_dir", c_char_p), ("n_threads", c_uint32), ("n_ctx", c_uint32),
                ("n_sessions", c_uint32), ("n_batch", c_uint32), ("kv_type", c_uint32),
                ("flags", c_uint32), ("progress", c_void_p), ("progress_data", c_void_p),
                ("log_write", LOG), ("log_data", c_void_p), ("log_max_level", c_int)]


class GenerateParams(Struct):
    _fields_ = [("size_bytes", c_size_t), ("temperature", c_float), ("top_p", c_float),
                ("min_p", c_float), ("repeat_penalty", c_float), ("frequency_penalty", c_float),
                ("presence_penalty", c_float), ("top_k", c_uint32), ("penalty_last_n", c_uint32),
                ("seed", c_uint64), ("max_tokens", c_int64), ("flags", c_uint32),
                ("n_stops", c_uint32), ("stops", POINTER(c_char_p)), ("biases", c_void_p),
                ("n_biases", c_size_t), ("write", WRITE), ("write_data", c_void_p),
                ("json_schema", c_char_p), ("grammar", c_char_p)]


class Message(ctypes.Structure):
    _fields_ = [("role", c_char_p), ("content", c_char_p), ("content_size", c_size_t)]


def checked(result):
    if result < 0:
        sys.exit(f"libslm gave {result}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    slm = ctypes.CDLL("libslm.so.0")
    engine, session, n = c_void_p(), c_void_p(), c_size_t()
    log = LOG(lambda data, level, text: print(text.decode(), file=sys.stderr))
    checked(slm.slm_engine_create(byref(EngineParams(model_path=sys.argv[1].encode(), log_write=log)),
                                  byref(engine)))
    checked(slm.slm_session_create(engine, byref(session)))

    message = Message(b"user", sys.argv[2].encode(), 0)
    tokens = (c_int32 * 4096)()
    checked(slm.slm_chat_tokens(engine, byref(message), c_size_t(1), tokens, c_size_t(4096), byref(n)))

    def show(data, text, size):
        sys.stdout.write(ctypes.string_at(text, size).decode())
        sys.stdout.flush()
        return 0

    params = GenerateParams()
    slm.slm_generate_params_init(byref(params), c_size_t(params.size_bytes))
    write = WRITE(show)
    params.write, params.max_tokens = write, 256
    checked(slm.slm_generate(session, tokens, n, byref(params), None))
    print()
    slm.slm_session_destroy(session)
    slm.slm_engine_destroy(engine)


if __name__ == "__main__":
    main()
