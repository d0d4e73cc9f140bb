// SPDX-License-Identifier: Apache-2.0

package heif

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
)

// The decoders are libheif with libde265, and libavif with libaom, compiled to WebAssembly: lib/README.md has their
// source. Each image has an instance of its own, whose memory is bounded and goes with it. The limits on
// pixels and on the size of the file bound the time. A check of the clock in every loop would make decoding four times
// as slow.

//go:embed lib/heif.wasm.gz
var heifWASM []byte

//go:embed lib/avif.wasm.gz
var avifWASM []byte

var (
	heifProgram = sync.OnceValues(func() (*program, error) { return compile(heifWASM) })
	avifProgram = sync.OnceValues(func() (*program, error) { return compile(avifWASM) })
)

// program is a compiled module, which is safe for concurrent use.
type program struct {
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
}

func compile(packed []byte) (*program, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	code, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	p := &program{runtime: wazero.NewRuntime(ctx)}
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, p.runtime); err != nil {
		return nil, err
	}
	p.compiled, err = p.runtime.CompileModule(ctx, code)
	return p, err
}

// run gives use an instance of the program that may take most bytes of memory.
func (p *program) run(most int64, use func(i *instance) error) error {
	ctx := experimental.WithMemoryAllocator(context.Background(), experimental.MemoryAllocatorFunc(
		func(_, _ uint64) experimental.LinearMemory { return &memory{most: uint64(most)} }))
	module, err := p.runtime.InstantiateModule(ctx, p.compiled, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		return err
	}
	defer module.Close(ctx)
	err = use(&instance{ctx, module})
	if err != nil {
		line, _, _ := strings.Cut(err.Error(), "\n") // a stack of WebAssembly follows
		return fmt.Errorf("the data is damaged or cut short, or of a kind that is not read (%s)", line)
	}
	return nil
}

// memory is the memory of an instance.
type memory struct {
	most uint64
	data []byte
}

// Reallocate makes the memory as large as size, or returns nil if that is too large.
func (m *memory) Reallocate(size uint64) []byte {
	if size > m.most {
		return nil
	}
	if size > uint64(cap(m.data)) {
		grown := make([]byte, size, min(m.most, size+size/4))
		copy(grown, m.data)
		m.data = grown
	}
	m.data = m.data[:size]
	return m.data
}

// Free does nothing: a collection frees the memory.
func (m *memory) Free() {}

// instance is a running program.
type instance struct {
	ctx    context.Context
	module api.Module
}

var errMemory = errors.New("it takes more memory than its size allows")

// call calls a function of the program.
func (i *instance) call(name string, args ...uint64) (uint32, error) {
	results, err := i.module.ExportedFunction(name).Call(i.ctx, args...)
	if err != nil {
		return 0, err
	}
	return uint32(results[0]), nil
}

// accepted calls a function that returns 0 for data that the library refuses.
func (i *instance) accepted(name string, args ...uint64) error {
	ok, err := i.call(name, args...)
	if err == nil && ok == 0 {
		err = errRefused
	}
	return err
}

// alloc takes n bytes of the program's memory.
func (i *instance) alloc(n int64) (uint64, error) {
	if n > 1<<31 {
		return 0, errMemory
	}
	at, err := i.call("malloc", uint64(n))
	if err == nil && at == 0 {
		err = errMemory
	}
	return uint64(at), err
}

// put copies data into the program's memory.
func (i *instance) put(data []byte) (uint64, error) {
	at, err := i.alloc(int64(len(data)))
	if err == nil && !i.module.Memory().Write(uint32(at), data) {
		err = errMemory
	}
	return at, err
}

// get returns a copy of n bytes of the program's memory.
func (i *instance) get(at uint64, n int64) ([]byte, error) {
	view, ok := i.module.Memory().Read(uint32(at), uint32(n))
	if !ok {
		return nil, errMemory
	}
	return bytes.Clone(view), nil
}

// numbers returns n 32-bit numbers of the program's memory.
func (i *instance) numbers(at uint64, n int) ([]int, error) {
	all := make([]int, n)
	for k := range all {
		v, ok := i.module.Memory().ReadUint32Le(uint32(at) + uint32(4*k))
		if !ok {
			return nil, errMemory
		}
		all[k] = int(v)
	}
	return all, nil
}

// errRefused is the error of data that the library refuses. The modules give no reason.
var errRefused = errors.New("the decoder refuses it")

// What an instance may take: the program itself, the file, and this much for each pixel.
const (
	programBytes = 64 << 20
	// PixelBytes is how many bytes for each pixel decoding takes at most.
	PixelBytes = 48
)

func (p Picture) memory(data []byte) int64 {
	// Some decoders work in blocks of 64 pixels.
	return programBytes + 2*int64(len(data)) + PixelBytes*int64(p.W+64)*int64(p.H+64)
}

func (p Picture) fits(w, h int) error {
	if w < 1 || h < 1 || int64(w)*int64(h) > int64(p.W)*int64(p.H) {
		return fmt.Errorf("it has %dx%d pixels, and its header says %dx%d", w, h, p.W, p.H)
	}
	return nil
}
