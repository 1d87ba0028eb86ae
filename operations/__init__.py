"""Operations that change or read several layers at once: rebuild, erasure, retention, cost."""
