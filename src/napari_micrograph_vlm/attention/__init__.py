"""Where a model looked: recording, relevance, occlusion and how faithful a map is."""
