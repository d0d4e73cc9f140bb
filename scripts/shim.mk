# SPDX-License-Identifier: Apache-2.0
# Compiles torch/shim/*.cpp into bin/libparallax_shim: objects under bin/obj, rebuilt when a source, one of our headers
# or libtorch changes. The Makefile calls it; scripts/libtorch.py flags writes bin/obj/libtorch.mk. BIN is another bin/.
BIN ?= bin
include $(BIN)/obj/libtorch.mk

sources := $(wildcard torch/shim/*.cpp)
objects := $(sources:torch/shim/%.cpp=$(BIN)/obj/%.o)
ifeq ($(sources),)
$(error torch/shim holds no .cpp file: the checkout is incomplete)
endif

# One library for every machine, and a second one if this libtorch has CUDA; Go chooses at run time.
shims := $(BIN)/libparallax_shim.$(SUFFIX) $(if $(CUDALIBS),$(BIN)/libparallax_shim_cuda.$(SUFFIX))

.PHONY: all archive
all: $(shims)
	@$(if $(CUDALIBS),:,rm -f $(BIN)/libparallax_shim_cuda.$(SUFFIX))

archive: $(BIN)/obj/libparallax_shim.$(SUFFIX)

# The loops of kernels.inl, once for each set of instructions: the program chooses at run time.
$(BIN)/obj/kernels_%.o: flags := -O3 -fno-math-errno -Wno-psabi
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
$(BIN)/obj/kernels_avx2.o: flags += -mavx2 -mfma
$(BIN)/obj/kernels_avx512.o: flags += -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512
endif
# Warnings are off that GCC 12 gives for its own headers of intrinsics.
$(BIN)/obj/convolution_%.o: flags := -O3 -fno-math-errno -Wno-psabi -Wno-ignored-attributes -Wno-uninitialized -Wno-maybe-uninitialized
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
$(BIN)/obj/convolution_avx512.o: flags += -mavx512f -mfma
$(BIN)/obj/convolution_bf16.o: flags += $(shell echo | $(CXX) -mavx512bf16 -E - >/dev/null 2>&1 && echo -mavx512f -mavx512bw -mavx512vl -mavx512bf16 -mfma)
endif
# libtorch's parallel loops are inline functions; they use OpenMP where the compiler does. Apple's has none.
ifeq ($(SUFFIX),so)
$(BIN)/obj/fused.o $(BIN)/obj/convolution.o: flags := -fopenmp
endif

# libtorch's wheel has c10d, and of Gloo's headers none.
$(BIN)/obj/processes.o: flags := -idirafter torch/shim

# Only in the library for CUDA, if NVIDIA's headers are there.
$(BIN)/obj/cuda/%.o: flags := $(CUDAFLAGS)

$(BIN)/obj/%.o: torch/shim/%.cpp $(BIN)/obj/libtorch.mk scripts/shim.mk
	@echo "  c++  $<"
	@mkdir -p $(@D)
	@$(CXX) $(CXXFLAGS) $(flags) -MMD -MP -c -o $@ $<

# Linked under another name first: an interrupted link leaves no broken library, and a running program keeps its own.
$(BIN)/libparallax_shim.$(SUFFIX): $(objects)
	@echo "  link $@"
	@$(CXX) $(LDFLAGS) $(RPATH) -o $@.part $^ $(LIBS) && mv -f $@.part $@

$(BIN)/libparallax_shim_cuda.$(SUFFIX): $(objects) $(NCCL)
	@echo "  link $@"
	@$(CXX) $(LDFLAGS) $(RPATH) -o $@.part $^ $(LIBS) $(CUDALIBS) && mv -f $@.part $@

# The copy for make dist finds libtorch only relative to itself.
$(BIN)/obj/libparallax_shim.$(SUFFIX): $(objects)
	@echo "  link $@"
	@$(CXX) $(LDFLAGS) $(ARCHIVE_RPATH) -o $@.part $^ $(LIBS) && mv -f $@.part $@

-include $(objects:.o=.d) $(NCCL:.o=.d)

# With AddressSanitizer and UndefinedBehaviorSanitizer, for scripts/sanitize. The absolute path leads to libtorch.
sanitizers := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

.PHONY: sanitized
sanitized: $(BIN)/sanitized/libparallax_shim.$(SUFFIX)

$(BIN)/sanitized/libparallax_shim.$(SUFFIX): $(sources) torch/shim.h $(wildcard torch/shim/*.h) $(wildcard torch/shim/*.inl) $(BIN)/obj/libtorch.mk
	@mkdir -p $(BIN)/sanitized
	@echo "  c++  $@"
	@$(CXX) $(CXXFLAGS) $(sanitizers) $(LDFLAGS) $(RPATH) -o $@.part $(sources) $(LIBS) && mv -f $@.part $@
