// SPDX-License-Identifier: Apache-2.0

// Package power models a file system that loses power. It replays the system calls that package trace recorded, and
// keeps for every file and folder what is certainly on disk and what is not. What was not synced may be there after a
// crash, wholly, in part, as zeros, or not at all. A folder is a file of names: that a file was made, renamed or
// removed is certain only once its folder was synced, and until then such changes may be kept in any combination.
//
// This is what POSIX promises. Real file systems promise more: ext4, for example, keeps the order of changes to names.
package power

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/parallax-ssl/parallax/internal/torture/trace"
)

// node is a file or a folder.
type node struct {
	folder bool

	live, sure []byte // of a file: its content, and what of it is on disk
	writes     []write

	names, certain map[string]*node // of a folder
	changes        []change
}

// write is a change to a file since its last sync.
type write struct {
	at   int64
	data []byte
	cut  bool // truncate to at instead
}

// change is a change to a folder since its last sync: names with their new nodes, nil for none. A rename changes two.
type change map[string]*node

func newFolder() *node {
	return &node{folder: true, names: map[string]*node{}, certain: map[string]*node{}}
}

// open is an open file of the program.
type open struct {
	node     *node
	position int64
}

// Disk is the file system. The zero Disk is not usable; see [Load].
type Disk struct {
	root  *node
	files map[int]*open
}

// Load makes a disk with the content of a folder, all of which is certain.
func Load(folder string) (*Disk, error) {
	root, err := load(folder)
	return &Disk{root: root, files: map[int]*open{}}, err
}

func load(name string) (*node, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		data, err := os.ReadFile(name)
		return &node{live: data, sure: data}, err
	}
	n := newFolder()
	entries, err := os.ReadDir(name)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		child, err := load(filepath.Join(name, e.Name()))
		if err != nil {
			return nil, err
		}
		n.names[e.Name()], n.certain[e.Name()] = child, child
	}
	return n, nil
}

// at returns the folder that holds a path, and the last element.
func (d *Disk) at(name string) (*node, string) {
	n := d.root
	folder, last := path.Split(name)
	for _, part := range strings.Split(strings.Trim(folder, "/"), "/") {
		if part == "" || part == "." {
			continue
		}
		if n = n.names[part]; n == nil || !n.folder {
			return nil, last
		}
	}
	return n, last
}

func (d *Disk) find(name string) *node {
	if name == "." {
		return d.root
	}
	folder, last := d.at(name)
	if folder == nil {
		return nil
	}
	return folder.names[last]
}

// change makes a change of names.
func (n *node) change(c change) {
	for name, to := range c {
		if to == nil {
			delete(n.names, name)
		} else {
			n.names[name] = to
		}
	}
	n.changes = append(n.changes, c)
}

// Do replays a call that has ended. It returns an error for a call that the model cannot follow.
func (d *Disk) Do(c trace.Call) error {
	if c.Result < 0 {
		return nil
	}
	lost := fmt.Errorf("replaying %s: there is no such file in the model", &c)
	switch c.Op {
	case trace.Open:
		return d.open(c)
	case trace.Close:
		delete(d.files, c.FD)
	case trace.Write:
		f := d.files[c.FD]
		if f == nil {
			return lost
		}
		at := c.Offset
		if at < 0 {
			at = f.position
			f.position += c.Result
		}
		f.node.write(write{at: at, data: c.Data[:c.Result]})
	case trace.Truncate:
		if d.files[c.FD] == nil {
			return lost
		}
		d.files[c.FD].node.write(write{at: c.Size, cut: true})
	case trace.Sync:
		if d.files[c.FD] == nil {
			return lost
		}
		d.files[c.FD].node.sync()
	case trace.Mkdir:
		if folder, name := d.at(c.Path); folder != nil {
			folder.change(change{name: newFolder()})
		}
	case trace.Remove, trace.RemoveDir:
		if folder, name := d.at(c.Path); folder != nil {
			folder.change(change{name: nil})
		}
	case trace.Rename:
		from, name := d.at(c.Path)
		to, other := d.at(c.To)
		if from == nil || to == nil || from.names[name] == nil {
			return lost
		}
		if from == to {
			from.change(change{name: nil, other: from.names[name]})
			return nil
		}
		to.change(change{other: from.names[name]})
		from.change(change{name: nil})
	case trace.Other:
		return fmt.Errorf("the model cannot follow %s of %s", c.Name, c.Path)
	}
	return nil
}

func (d *Disk) open(c trace.Call) error {
	n := d.find(c.Path)
	if n == nil {
		folder, name := d.at(c.Path)
		if folder == nil || c.Flags&syscall.O_CREAT == 0 {
			return fmt.Errorf("replaying %s: there is no such file in the model", &c)
		}
		n = &node{}
		folder.change(change{name: n})
	}
	if c.Flags&syscall.O_TRUNC != 0 {
		n.write(write{cut: true})
	}
	f := &open{node: n}
	if c.Flags&syscall.O_APPEND != 0 {
		f.position = int64(len(n.live))
	}
	d.files[int(c.Result)] = f
	return nil
}

func (n *node) write(w write) {
	n.live = w.apply(n.live)
	n.writes = append(n.writes, w)
}

// apply returns the content after the write, in new memory.
func (w write) apply(old []byte) []byte {
	size := max(int64(len(old)), w.at+int64(len(w.data)))
	if w.cut {
		size = w.at
	}
	content := make([]byte, size)
	copy(content, old)
	copy(content[min(w.at, size):], w.data)
	return content
}

func (n *node) sync() {
	n.sure, n.writes = n.live, nil
	if n.folder {
		n.certain = map[string]*node{}
		for name, to := range n.names {
			n.certain[name] = to
		}
		n.changes = nil
	}
}

// How a crash treats what is not certain.
const (
	Nothing  = iota // nothing of it is there
	All             // all of it is there, as after a kill
	Zeros           // all names, and zeros in place of data
	Prefix          // the first changes of each folder, and any part of the data
	Anything        // any combination
	Modes
)

// Crash writes into an empty folder what may be on disk when the power fails now.
func (d *Disk) Crash(to string, mode int, r *rand.Rand) error { return d.root.crash(to, mode, r) }

func (n *node) crash(to string, mode int, r *rand.Rand) error {
	if !n.folder {
		return os.WriteFile(to, n.content(mode, r), 0o666)
	}
	if err := os.MkdirAll(to, 0o777); err != nil {
		return err
	}
	names := map[string]*node{}
	for name, child := range n.certain {
		names[name] = child
	}
	first := r.IntN(len(n.changes) + 1)
	for i, c := range n.changes {
		switch {
		case mode == Nothing, mode == Prefix && i >= first, mode == Anything && r.IntN(2) == 0:
			continue
		}
		for name, child := range c {
			names[name] = child
		}
	}
	for name, child := range names {
		if child == nil {
			continue
		}
		if err := child.crash(filepath.Join(to, name), mode, r); err != nil {
			return err
		}
	}
	return nil
}

// sector is the piece of a write that a disk writes whole.
const sector = 512

// content is what a crash leaves of a file.
func (n *node) content(mode int, r *rand.Rand) []byte {
	switch mode {
	case Nothing:
		return n.sure
	case All:
		return n.live
	}
	content := n.sure
	for _, w := range n.writes {
		kept := w
		switch choice := r.IntN(4); {
		case mode == Zeros && !w.cut, mode != Zeros && choice == 1: // the new size, and no data
			kept.data = make([]byte, len(w.data))
			if w.at < int64(len(content)) { // what was there before stays
				copy(kept.data, content[w.at:])
			}
		case mode == Zeros, choice == 0:
		case choice == 2: // torn
			kept.data = w.data[:min(len(w.data), r.IntN(len(w.data)/sector+1)*sector)]
		default:
			continue
		}
		content = kept.apply(content)
	}
	return content
}
