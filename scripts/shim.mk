# SPDX-License-Identifier: Apache-2.0
# Compiles torch/shim/*.cpp into bin/libparallax_shim: objects under bin/obj, rebuilt when a source, one of our headers
# or libtorch changes. The Makefile calls it; scripts/libtorch.py flags writes bin/obj/libtorch.mk.
include bin/obj/libtorch.mk

sources := $(wildcard torch/shim/*.cpp)
objects := $(sources:torch/shim/%.cpp=bin/obj/%.o)
ifeq ($(sources),)
$(error torch/shim holds no .cpp file: the checkout is incomplete)
endif

# One library for every machine, and a second one if this libtorch has CUDA; Go chooses at run time.
shims := bin/libparallax_shim.$(SUFFIX) $(if $(CUDALIBS),bin/libparallax_shim_cuda.$(SUFFIX))

.PHONY: all archive
all: $(shims)
	@$(if $(CUDALIBS),:,rm -f bin/libparallax_shim_cuda.$(SUFFIX))

archive: bin/obj/libparallax_shim.$(SUFFIX)

# The loops of kernels.inl, once for each set of instructions: the program chooses at run time.
bin/obj/kernels_%.o: flags := -O3 -fno-math-errno -Wno-psabi
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
bin/obj/kernels_avx2.o: flags += -mavx2 -mfma
bin/obj/kernels_avx512.o: flags += -mavx512f -mavx512bw -mavx512dq -mavx512vl -mfma -mprefer-vector-width=512
endif
# Warnings are off that GCC 12 gives for its own headers of intrinsics.
bin/obj/convolution_%.o: flags := -O3 -fno-math-errno -Wno-psabi -Wno-ignored-attributes -Wno-uninitialized -Wno-maybe-uninitialized
ifneq ($(filter x86_64 amd64,$(shell uname -m)),)
bin/obj/convolution_avx512.o: flags += -mavx512f -mfma
bin/obj/convolution_bf16.o: flags += $(shell echo | $(CXX) -mavx512bf16 -E - >/dev/null 2>&1 && echo -mavx512f -mavx512bw -mavx512vl -mavx512bf16 -mfma)
endif
# libtorch's parallel loops are inline functions; they use OpenMP where the compiler does. Apple's has none.
ifeq ($(SUFFIX),so)
bin/obj/fused.o bin/obj/convolution.o: flags := -fopenmp
endif

# libtorch's wheel has c10d, and of Gloo's headers none.
bin/obj/processes.o: flags := -idirafter torch/shim

bin/obj/%.o: torch/shim/%.cpp bin/obj/libtorch.mk scripts/shim.mk
	@echo "  c++  $<"
	@$(CXX) $(CXXFLAGS) $(flags) -MMD -MP -c -o $@ $<

# Linked under another name first: an interrupted link leaves no broken library, and a running program keeps its own.
bin/libparallax_shim.$(SUFFIX): $(objects)
	@echo "  link $@"
	@$(CXX) $(LDFLAGS) $(RPATH) -o $@.part $^ $(LIBS) && mv -f $@.part $@

bin/libparallax_shim_cuda.$(SUFFIX): $(objects)
	@echo "  link $@"
	@$(CXX) $(LDFLAGS) $(RPATH) -o $@.part $^ $(LIBS) $(CUDALIBS) && mv -f $@.part $@

# The copy for make dist finds libtorch only relative to itself.
bin/obj/libparallax_shim.$(SUFFIX): $(objects)
	@echo "  link $@"
	@$(CXX) $(LDFLAGS) $(ARCHIVE_RPATH) -o $@.part $^ $(LIBS) && mv -f $@.part $@

-include $(objects:.o=.d)

# With AddressSanitizer and UndefinedBehaviorSanitizer, for scripts/sanitize. The absolute path leads to libtorch.
sanitizers := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined

.PHONY: sanitized
sanitized: bin/sanitized/libparallax_shim.$(SUFFIX)

bin/sanitized/libparallax_shim.$(SUFFIX): $(sources) torch/shim.h $(wildcard torch/shim/*.h) $(wildcard torch/shim/*.inl) bin/obj/libtorch.mk
	@mkdir -p bin/sanitized
	@echo "  c++  $@"
	@$(CXX) $(CXXFLAGS) $(sanitizers) $(LDFLAGS) $(RPATH) -o $@.part $(sources) $(LIBS) && mv -f $@.part $@
