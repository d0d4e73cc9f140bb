// SPDX-License-Identifier: Apache-2.0

package torch

// #include <stdlib.h>
// #include "trampoline.h"
import "C"

import (
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// A Store is where processes meet and leave each other notes: c10d's TCPStore or, on one machine, FileStore. Its
// methods may be called by any goroutine, also outside a Scope and while the engine waits for other processes.
type Store struct{ n C.int64_t }

// StoreOptions say where a store is.
type StoreOptions struct {
	Host string // of the process that serves it
	Port int    // 0: any free port, for the one that serves
	// Serve says that this process serves it: on Host alone if that is an address of the loopback, else on all
	// addresses of the machine.
	Serve bool
	// File is the path of a FileStore, which takes the place of Host and Port; it must not exist before the first
	// process.
	File      string
	Processes int           // that a FileStore has
	Wait      time.Duration // how long to wait for the server, and for a key without a time of its own
}

// OpenStore opens a store. The server must be there within the time.
func OpenStore(o StoreOptions) (*Store, error) {
	if err := Load(); err != nil {
		return nil, err
	}
	host, file := C.CString(o.Host), C.CString(o.File)
	defer C.free(unsafe.Pointer(host))
	defer C.free(unsafe.Pointer(file))
	socket := -1
	if a, err := netip.ParseAddr(o.Host); o.Serve && o.File == "" && err == nil && a.IsLoopback() {
		if socket, o.Port, err = listener(a, o.Port); err != nil {
			return nil, err
		}
	}
	n, err := stored(C.plx_store_open(host, C.int64_t(o.Port), truth(o.Serve), C.int64_t(socket), file,
		C.int64_t(o.Processes), C.int64_t(o.Wait.Milliseconds())))
	if err != nil {
		return nil, err
	}
	return &Store{C.int64_t(n)}, nil
}

// listener returns a socket that listens on an address alone, where c10d would listen on all of the machine.
func listener(a netip.Addr, port int) (socket, bound int, err error) {
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, uint16(port))))
	if err != nil {
		return -1, 0, err
	}
	defer l.Close()
	f, err := l.File()
	if err != nil {
		return -1, 0, err
	}
	defer f.Close()
	socket, err = syscall.Dup(int(f.Fd()))
	return socket, l.Addr().(*net.TCPAddr).Port, err
}

func stored(r C.plx_value) (int64, error) {
	if r.error != nil {
		return 0, &Error{Op: "Store", Text: take(r.error)}
	}
	return int64(r.value), nil
}

// Port is the port of a TCPStore.
func (s *Store) Port() (int, error) {
	port, err := stored(C.plx_store_port(s.n))
	return int(port), err
}

// key calls f with a key in C's form.
func (s *Store) key(key string, f func(key *C.char) C.plx_value) (int64, error) {
	k := C.CString(key)
	defer C.free(unsafe.Pointer(k))
	return stored(f(k))
}

// Set gives a key its value, a text without NUL.
func (s *Store) Set(key, value string) error {
	v := C.CString(value)
	defer C.free(unsafe.Pointer(v))
	_, err := s.key(key, func(k *C.char) C.plx_value { return C.plx_store_set(s.n, k, v) })
	return err
}

// Get waits until a key has a value, at most so long, and returns it.
func (s *Store) Get(key string, wait time.Duration) (string, error) {
	for buffer := make([]byte, 4<<10); ; {
		n, err := s.key(key, func(k *C.char) C.plx_value {
			return C.plx_store_get(s.n, k, C.int64_t(wait.Milliseconds()), (*C.char)(unsafe.Pointer(&buffer[0])),
				C.int64_t(len(buffer)))
		})
		switch {
		case err != nil:
			return "", err
		case int(n) <= len(buffer):
			return string(buffer[:n]), nil
		}
		buffer = make([]byte, n)
	}
}

// Has reports whether a key has a value.
func (s *Store) Has(key string) (bool, error) {
	n, err := s.key(key, func(k *C.char) C.plx_value { return C.plx_store_has(s.n, k) })
	return n != 0, err
}

// Add adds n to the number of a key, 0 at first, and returns the sum.
func (s *Store) Add(key string, n int) (int, error) {
	sum, err := s.key(key, func(k *C.char) C.plx_value { return C.plx_store_add(s.n, k, C.int64_t(n)) })
	return int(sum), err
}

// Delete forgets a key, and reports whether there was one.
func (s *Store) Delete(key string) (bool, error) {
	n, err := s.key(key, func(k *C.char) C.plx_value { return C.plx_store_delete(s.n, k) })
	return n != 0, err
}

// Close closes the store. The one that serves it ends it for all.
func (s *Store) Close() error {
	_, err := stored(C.plx_store_close(s.n))
	return err
}

// Exchange reports whether an error is of an exchange between processes: one of them is gone, or did not come in time.
func (e *Error) Exchange() bool {
	for _, sign := range []string{"gloo/", "NCCL", "the exchange was broken off"} {
		if strings.Contains(e.Text, sign) {
			return true
		}
	}
	return false
}

// A Group is processes that compute together: c10d's ProcessGroupGloo and, for tensors of a GPU, ProcessGroupNCCL. All
// of them call the same methods in the same order, inside a Scope; a method that is not called by all within the
// group's time fails. A nil Group is one process alone.
//
// Gradients are those of the mean over the processes of their losses: what [Group.Gather] takes back is the sum over
// the processes, and [Group.Average] divides the parameters' gradients by their number. So a loss that every process
// computes from the rows of all, and the mean of losses that each computes from its own, have the gradients of one
// process with all rows.
type Group struct {
	n               C.int64_t
	rank, processes int
}

// GroupOptions describe a group.
type GroupOptions struct {
	Name      string // two groups of a store differ in it
	Rank      int    // of this process, from 0
	Processes int
	// Host is the name or address under which the others reach this process; "": that of the machine's name.
	Host string
	Wait time.Duration // for the other processes, at each call
	// Backend is "gloo", or "nccl" for what is on a GPU; "": what the engine's device needs. Tensors in the machine's
	// memory are exchanged by Gloo in both.
	Backend string
}

// OpenGroup joins a group, when all processes have come. Call it inside a Scope.
func OpenGroup(s *Store, o GroupOptions) *Group {
	name, host := C.CString(o.Name), C.CString(o.Host)
	defer C.free(unsafe.Pointer(name))
	defer C.free(unsafe.Pointer(host))
	nccl, known := map[string]C.int{"": -1, "gloo": 0, "nccl": 1}[o.Backend]
	if !known {
		Fail("OpenGroup", "the backend %q is neither gloo nor nccl", o.Backend)
	}
	n := integer("OpenGroup", C.plx_group_open(s.n, name, C.int(o.Rank), C.int(o.Processes), host,
		C.int64_t(o.Wait.Milliseconds()), nccl))
	return &Group{C.int64_t(n), o.Rank, o.Processes}
}

// Close leaves the group. Call it inside a Scope.
func (g *Group) Close() {
	if g != nil {
		done("Close", C.plx_group_close(g.n))
	}
}

// Rank is the number of this process, from 0.
func (g *Group) Rank() int {
	if g == nil {
		return 0
	}
	return g.rank
}

// Processes is how many processes there are.
func (g *Group) Processes() int {
	if g == nil {
		return 1
	}
	return g.processes
}

func (g *Group) ref() C.int64_t {
	if g == nil {
		return 0
	}
	return g.n
}

// Gather returns the rows (dimension 0) of all processes, in the order of the processes. They may differ in the number
// of their rows, and in nothing else. Its gradient is the sum over the processes of the gradients of the own rows.
func (g *Group) Gather(t Tensor) Tensor {
	if g == nil {
		return t
	}
	return made("Gather", C.plx_gather_rows(g.n, t.ref()))
}

// Sum replaces tensors by their sum over the processes, outside autograd.
func (g *Group) Sum(ts ...Tensor) {
	if g == nil || len(ts) == 0 {
		return
	}
	h, n := handles(ts)
	done("Sum", C.plx_all_sum(g.n, h, n))
}

// Broadcast replaces tensors by those of one process, outside autograd.
func (g *Group) Broadcast(from int, ts ...Tensor) {
	if g == nil || len(ts) == 0 {
		return
	}
	h, n := handles(ts)
	done("Broadcast", C.plx_broadcast(g.n, h, n, C.int(from)))
}

// Traffic counts the exchanges of a process: how many there were, and the bytes of their results. A result has the same
// size in every process and, for a given global batch, with any number of processes. Notes are the exception: each
// process makes one, and the bytes are those of its own.
type Traffic struct {
	Gathered Exchanges `json:"gathered"` // rows of all processes, by [Group.Gather]
	Summed   Exchanges `json:"summed"`   // also on the way back through gathered rows
	Sent     Exchanges `json:"sent"`     // from one process to all
	Averaged Exchanges `json:"averaged"` // gradients of parameters
	Noted    Exchanges `json:"noted"`    // statistics of batch norm, shapes of rows
}

// Exchanges are those of one kind.
type Exchanges struct {
	Calls int `json:"calls"`
	Bytes int `json:"bytes"`
}

// Exchanged returns what this process has exchanged since its start. Call it inside a Scope.
func Exchanged() Traffic {
	var n [10]C.int64_t
	done("Exchanged", C.plx_traffic(&n[0]))
	at := func(i int) Exchanges { return Exchanges{int(n[2*i]), int(n[2*i+1])} }
	return Traffic{at(0), at(1), at(2), at(3), at(4)}
}

// Since returns what was exchanged after before was.
func (t Traffic) Since(before Traffic) Traffic {
	sub := func(a, b Exchanges) Exchanges { return Exchanges{a.Calls - b.Calls, a.Bytes - b.Bytes} }
	return Traffic{sub(t.Gathered, before.Gathered), sub(t.Summed, before.Summed), sub(t.Sent, before.Sent),
		sub(t.Averaged, before.Averaged), sub(t.Noted, before.Noted)}
}

// bucket is how many bytes of gradients are exchanged at a time, as in PyTorch's DistributedDataParallel.
const bucket = 25 << 20

// Average runs backward and then replaces the gradients of the parameters by their means over the processes. Those of a
// bucket of parameters are exchanged while backward goes on with the others.
func (g *Group) Average(parameters []Tensor, backward func()) {
	if g == nil || len(parameters) == 0 {
		backward()
		return
	}
	h, n := handles(parameters)
	done("Average", C.plx_buckets_begin(g.n, h, n, bucket))
	backward()
	done("Average", C.plx_buckets_end())
}
