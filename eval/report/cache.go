// SPDX-License-Identifier: Apache-2.0

package report

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

const (
	// cacheMost bounds the bytes of all cached features; one entry may take a quarter.
	cacheMost = 4 << 30
	// cacheForm is the form of entries and keys. Another one makes older entries useless.
	cacheForm = "parallax features 1"
	cacheEnd  = ".features"
)

// DefaultCache returns the folder for cached features: parallax/features in the user's folder for caches.
func DefaultCache() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(base, "parallax", "features"), nil
}

// key names the features of a network: a hash of its weights, of how it sees images and computes, and of which images a
// loader visits, in which data. It is "" without a cache.
func (e *evaluating) key(n *network, params *nn.Params, l *dataset.Loader) string {
	if e.Cache == "" {
		return ""
	}
	h := sha256.New()
	said := func(format string, values ...any) { fmt.Fprintf(h, format+"\n", values...) }
	said("%s: %s %d %v %t %t %t %s", cacheForm, n.kind(), n.size, n.normalize, n.settle, n.autocast, n.embedding,
		e.Config.Train.Device)
	for _, s := range params.State() {
		said("%q %v %v %x", s.Name, s.DType, s.Shape, sha256.Sum256(s.Bytes))
	}
	if n.settle {
		e.identify(h, e.Probes[0].Some)
	}
	e.identify(h, l)
	return hex.EncodeToString(h.Sum(nil))
}

// kind tells networks without weights apart.
func (n *network) kind() string {
	if n.weights {
		return "network"
	}
	return n.name
}

// identify writes which images a loader visits.
func (e *evaluating) identify(w io.Writer, l *dataset.Loader) {
	fmt.Fprintf(w, "decoder %q\n", e.Config.Data.Decoder)
	for _, s := range e.Sources {
		fmt.Fprintf(w, "data %s\n", s.Fingerprint)
	}
	named, _ := l.Data.(interface{ Name(int) string })
	for _, i := range l.Visits() {
		name := ""
		if named != nil {
			name = named.Name(i)
		}
		fmt.Fprintf(w, "%d %q %d\n", i, name, l.Data.Label(i))
	}
}

// cached returns the features of a key, or nil if they are not there or damaged.
func (e *evaluating) cached(key string) *features {
	if key == "" {
		return nil
	}
	path := filepath.Join(e.Cache, key+cacheEnd)
	if about, err := os.Stat(path); err != nil || about.Size() > cacheMost {
		return nil
	}
	states, metadata, err := nn.ReadStates(path)
	if err != nil || metadata["sha256"] != digest(states) {
		return nil
	}
	f, ok := restored(states)
	if !ok {
		return nil
	}
	now := time.Now()
	_ = os.Chtimes(path, now, now) // in a cache of others it stays as old as it is
	return f
}

// digest is a hash of the values of states, in any order: a file has its own.
func digest(states []nn.State) string {
	states = slices.SortedFunc(slices.Values(states), func(a, b nn.State) int {
		return strings.Compare(a.Name, b.Name)
	})
	h := sha256.New()
	for _, s := range states {
		fmt.Fprintf(h, "%q %v %v\n", s.Name, s.DType, s.Shape)
		h.Write(s.Bytes)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// restored makes features of the states of an entry.
func restored(states []nn.State) (*features, bool) {
	of := map[string]nn.State{}
	for _, s := range states {
		of[s.Name] = s
	}
	rows, labels, pixels := of["features"], of["labels"], of["pixels"]
	if len(rows.Shape) != 2 || rows.DType != torch.F32 || len(labels.Bytes) != 8*rows.Shape[0] ||
		len(pixels.Bytes) != 8*rows.Shape[0] {
		return nil, false
	}
	f, hashes := &features{rows: rows.Tensor().Own()}, []uint64(nil)
	for i := range rows.Shape[0] {
		f.labels = append(f.labels, int(int64(binary.LittleEndian.Uint64(labels.Bytes[8*i:]))))
		hashes = append(hashes, binary.LittleEndian.Uint64(pixels.Bytes[8*i:]))
	}
	f.pixels = probe.Hashed(hashes)
	return f, true
}

// keep writes features into the cache. Where there is no room for them, they are computed again next time.
func (e *evaluating) keep(key string, f *features) {
	n := len(f.labels)
	if key == "" || int64(4*f.rows.Len()+16*n) > cacheMost/4 {
		return
	}
	labels, hashes := make([]byte, 0, 8*n), make([]byte, 0, 8*n)
	for i, hash := range f.pixels.Hashes() {
		labels = binary.LittleEndian.AppendUint64(labels, uint64(int64(f.labels[i])))
		hashes = binary.LittleEndian.AppendUint64(hashes, hash)
	}
	states := []nn.State{
		{Name: "features", DType: torch.F32, Shape: f.rows.Shape(), Bytes: f.rows.Bytes()},
		{Name: "labels", DType: torch.I64, Shape: []int{n}, Bytes: labels},
		{Name: "pixels", DType: torch.I64, Shape: []int{n}, Bytes: hashes},
	}
	err := os.MkdirAll(e.Cache, 0o755)
	if err == nil {
		err = run.WriteFile(filepath.Join(e.Cache, key+cacheEnd), func(w io.Writer) error {
			return nn.WriteStates(w, states, map[string]string{"form": cacheForm, "sha256": digest(states)})
		})
	}
	if err != nil {
		e.uncached = err // the result does not depend on it
		return
	}
	prune(e.Cache, cacheMost)
}

// prune removes the entries that were not used for longest, until the others take at most most bytes.
func prune(dir string, most int64) {
	type entry struct {
		path string
		size int64
		used time.Time
	}
	listed, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	var all []entry
	total := int64(0)
	for _, item := range listed {
		about, err := item.Info()
		if err != nil || !about.Mode().IsRegular() || !strings.Contains(item.Name(), cacheEnd) {
			continue
		}
		all = append(all, entry{filepath.Join(dir, item.Name()), about.Size(), about.ModTime()})
		total += about.Size()
	}
	slices.SortFunc(all, func(a, b entry) int { return a.used.Compare(b.used) })
	for _, old := range all {
		if total <= most {
			return
		}
		if os.Remove(old.path) == nil {
			total -= old.size
		}
	}
}
