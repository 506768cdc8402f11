"""What a reader of documents from outside promises, whatever the bytes: asked by hypothesis and by a fuzzer."""
