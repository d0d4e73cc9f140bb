// SPDX-License-Identifier: Apache-2.0

package torch

// #cgo linux LDFLAGS: -ldl
// #include <stdlib.h>
// #include "trampoline.h"
import "C"

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"unsafe"

	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/internal/place"
	"github.com/parallax-ssl/parallax/internal/sharedlib"
)

// ErrNoEngine is wrapped by the error of Load when no engine library could be opened.
var ErrNoEngine = errors.New("no engine library")

// loaded says where the library was found, on which device tensors are made, and which of its machine's processes this
// is.
var loaded struct {
	sync.Mutex
	path, device string
	local        int
}

// Use chooses the device on which tensors are made, "cpu" or "cuda", before the first Scope. The default is "cpu".
func Use(device string) error {
	loaded.Lock()
	defer loaded.Unlock()
	if device != "cpu" && !strings.HasPrefix(device, "cuda") {
		return fmt.Errorf("unknown device %q: use cpu or cuda", device)
	}
	if loaded.path != "" && loaded.device != device {
		return fmt.Errorf("the engine already runs on %s: choose the device before the first use", loaded.device)
	}
	loaded.device = device
	return nil
}

// UseLocal says which of its machine's processes this is, from 0, before the first Scope. The device "cuda" is then the
// GPU of that number, and a GPU that is the only one in sight serves any number.
func UseLocal(n int) {
	loaded.Lock()
	defer loaded.Unlock()
	loaded.local = n
}

// Load opens the engine library, once; every Scope calls it. It looks in $PARALLAX_SHIM (a file), beside the program,
// in bin/ of the module that the program is run from (go run, go test), and in the user's cache folder.
func Load() error {
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.path != "" {
		return nil
	}
	if loaded.device == "" {
		loaded.device = "cpu"
	}
	if err := Enough(); err != nil {
		return err
	}
	var tried []string
	for _, path := range candidates(libraryName(loaded.device)) {
		if _, err := os.Stat(path); err != nil {
			tried = append(tried, path)
			continue
		}
		startOwner()
		if err := open(path, loaded.device, loaded.local); err != nil {
			return err
		}
		loaded.path = path
		return nil
	}
	return fmt.Errorf("%w: none of %s exists: build it with \"make build\", or name it in PARALLAX_SHIM",
		ErrNoEngine, strings.Join(tried, ", "))
}

func open(path, device string, local int) error {
	p, d := C.CString(path), C.CString(device)
	defer C.free(unsafe.Pointer(p))
	defer C.free(unsafe.Pointer(d))
	var why string
	if err := sharedlib.Whole(path); err != nil {
		why = err.Error()
	}
	owner(func() {
		if why != "" {
			return
		}
		if e := C.plx_load(p); e != nil {
			why = take(e)
		} else if r := C.plx_start(d, C.int(local)); r.error != nil {
			why = take(r.error)
		} else if n := machine.Threads(); n < runtime.NumCPU() && os.Getenv("OMP_NUM_THREADS") == "" {
			C.plx_set_threads(C.int(n)) // until SetThreads: libtorch knows neither quotas nor SLURM
		}
	})
	if why != "" {
		remedy := `rebuild it with "make build"`
		if strings.Contains(why, "no GPU") {
			remedy = "see nvidia-smi, or give --device cpu"
		} else if setup := place.SetUp(path); setup != "" {
			remedy = "run " + setup + " once, which fetches libtorch"
		}
		return fmt.Errorf("%w: opening %s: %s: %s", ErrNoEngine, path, why, remedy)
	}
	return nil
}

func libraryName(device string) string {
	name := "libparallax_shim"
	if strings.HasPrefix(device, "cuda") {
		name += "_cuda"
	}
	if runtime.GOOS == "darwin" {
		return name + ".dylib"
	}
	return name + ".so"
}

func candidates(name string) []string {
	if path := os.Getenv("PARALLAX_SHIM"); path != "" {
		return []string{path}
	}
	var paths []string
	for _, dir := range place.Libraries() {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

// Describe returns facts about the engine: libtorch's version, its CPU capability, threads, back ends. Call it inside
// a Scope.
func Describe() map[string]string {
	var buffer [4096]C.char
	done("Describe", C.plx_describe(&buffer[0], C.int64_t(len(buffer))))
	facts := map[string]string{"library": loaded.path, "device": loaded.device}
	for line := range strings.Lines(C.GoString(&buffer[0])) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		facts[key] = value
	}
	return facts
}

// SetThreads sets how many threads one operation may use. On one machine, results are bit-identical only for equal
// thread counts.
func SetThreads(n int) { done("SetThreads", C.plx_set_threads(C.int(n))) }

// NoGrad runs f without recording operations for backward.
func NoGrad(f func()) {
	was := integer("NoGrad", C.plx_set_grad_mode(0))
	defer C.plx_set_grad_mode(C.int(was))
	f()
}

// recorded reports whether operations are recorded for backward.
func recorded() bool { return integer("NoGrad", C.plx_grad_mode()) != 0 }

// autocasts reports whether autocast is on.
func autocasts() bool { return integer("Autocast", C.plx_autocast()) != 0 }

// Autocast runs f with autocast on or off. When on, matrix products and convolutions compute in bfloat16, as under
// torch.autocast; when off, in the types of their tensors. Calls nest; the innermost one holds.
func Autocast(on bool, f func()) {
	was := integer("Autocast", C.plx_set_autocast(truth(on)))
	defer C.plx_set_autocast(C.int(was))
	f()
}

// take turns an error text of the library into a Go string and frees the text.
func take(e *C.char) string {
	defer C.free(unsafe.Pointer(e))
	return strings.TrimSpace(C.GoString(e))
}

func made(op string, r C.plx_value) Tensor { return Tensor{C.plx_tensor(integer(op, r))} }

func integer(op string, r C.plx_value) int64 {
	if r.error != nil {
		panic(&Error{Op: op, Text: take(r.error)})
	}
	return int64(r.value)
}

func done(op string, r C.plx_value) { integer(op, r) }
