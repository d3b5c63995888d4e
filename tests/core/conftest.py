from hypothesis import settings

settings.register_profile("ivos", deadline=None, max_examples=50)  # time limits belong to benchmarks
settings.load_profile("ivos")
