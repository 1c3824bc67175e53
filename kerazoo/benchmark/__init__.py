"""How fast networks run here: latency, throughput, memory, load time and size by runtime."""
