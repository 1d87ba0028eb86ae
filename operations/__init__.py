"""Operations across several layers: rebuild, erasure, retention and cost."""
