# tests/lua
