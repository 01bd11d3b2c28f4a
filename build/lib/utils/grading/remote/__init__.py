"""What crosses between judge and student process: the codec, the connection, the proxies."""
