// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/parallax-ssl/parallax/embed"
	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/search"
	"github.com/parallax-ssl/parallax/torch"
)

// The kinds of index.
const (
	Exact = "exact" // all rows are compared
	IVF   = "ivf"   // only the rows of some lists: search.Index
)

// DefaultProbes is how many lists of an index are looked into for each query, unless set otherwise.
const DefaultProbes = 16

// A Source says where embeddings come from: the file In, or the images Data, embedded with the encoder of Run.
type Source struct {
	In   string // a file of embeddings: embedding.Open
	Run  string // a run's directory or an encoder.safetensors
	Data string // the images: a folder or an archive. With In they are only drawn; empty is what the file says
	// Layer is whose output embeds the images of Data with Run: encoder.LayerBackbone, the default, LayerProjector or
	// LayerBlocks. The last tells near-duplicates best, because it holds what the first blocks see.
	Layer string
	// Mirror averages each image's embedding with that of its mirror image (with Run): see encoder.Mirror.
	Mirror bool
	// Index is Exact, the default, or IVF; Probes is the number of its lists that are looked into. Only similar images
	// and outliers use it.
	Index   string
	Probes  int
	Threads int // of the engine; 0 for one per core
	// Progress, unless nil, is told how much of a part of the work is done.
	Progress func(what string, done, of int64)
}

func (s *Source) check() error {
	switch {
	case s.In == "" && (s.Run == "" || s.Data == ""):
		return run.Invalid(errors.New("no embeddings given: name a file of parallax embed with --in FILE, or a run " +
			"and images with --run DIR --data PATH"))
	case s.Index != "" && s.Index != Exact && s.Index != IVF:
		return run.Invalid(fmt.Errorf("unknown index %q: want %s or %s", s.Index, Exact, IVF))
	case s.Probes < 0 || s.Probes > 1<<20:
		return run.Invalid(fmt.Errorf("%d probes: want at least 1", s.Probes))
	case s.Threads < 0 || s.Threads > 4096:
		return run.Invalid(fmt.Errorf("%d threads: want 1 to 4096, or 0 for one per core", s.Threads))
	}
	return nil
}

func (s *Source) progress(what string) search.Progress {
	if s.Progress == nil {
		return nil
	}
	return func(done, of int64) { s.Progress(what, done, of) }
}

// A table is a file of embeddings: its rows that have one.
type table struct {
	rows     *search.Rows
	paths    texts
	hashes   []int32 // a number for each content; -1 if it is not known
	labels   []int32 // into classes; -1 without one
	classes  []string
	failed   int
	card     embedding.Card
	from     string // what was read, for people
	pictures *pictures
}

// mostClasses bounds how many labels are told apart.
const mostClasses = 10_000

// open reads the embeddings. The caller closes the table.
func (s *Source) open(ctx context.Context) (*table, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	if s.Threads > 0 {
		if err := torch.Scope(func() error { torch.SetThreads(s.Threads); return nil }); err != nil {
			return nil, err
		}
	}
	if s.In != "" {
		return s.read(ctx, s.In)
	}
	folder, err := os.MkdirTemp("", "parallax-embed-*")
	if err != nil {
		return nil, &run.OutputError{Err: fmt.Errorf("making a temporary folder for embeddings: %w", err)}
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "embeddings.parquet")
	if _, err := embed.Run(ctx, s.request(out)); err != nil {
		return nil, err
	}
	return s.read(ctx, out)
}

// read reads a file of embeddings.
func (s *Source) read(ctx context.Context, path string) (*table, error) {
	f, err := embedding.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	t := &table{card: f.Card(), from: s.In}
	if t.from == "" {
		t.from = s.Data
	}
	t.rows, err = search.Collect(ctx, f.Dim(), t.fill(ctx, f, s.progress("reading")))
	if err != nil {
		return nil, err
	}
	if t.rows.Len() == 0 {
		t.rows.Close()
		return nil, fmt.Errorf("%s has no embeddings: all of its %d images failed", printable.Name(t.from), t.failed)
	}
	t.pictures = &pictures{data: cmp.Or(s.Data, t.card[embedding.CardData]), given: s.Data != "",
		kept: t.card[embedding.CardChannels]}
	return t, nil
}

// fill gives the embeddings of a file, block by block, and keeps what the file says of each.
func (t *table) fill(ctx context.Context, f *embedding.File, progress search.Progress) iter.Seq2[[]float32, error] {
	return func(yield func([]float32, error) bool) {
		hashes, classes := map[[16]byte]int32{}, map[string]int32{}
		for b, err := range f.Blocks(ctx, 2048) {
			if err != nil {
				yield(nil, err)
				return
			}
			t.failed += len(b.Rows) - len(b.OK)
			for _, i := range b.OK {
				r := &b.Rows[i]
				t.paths.add(r.Path)
				t.hashes = append(t.hashes, hashed(hashes, r.SHA256))
				t.labels = append(t.labels, t.class(classes, r.Label))
			}
			if !yield(b.Vectors, nil) {
				return
			}
			if progress != nil {
				progress(int64(b.Start+len(b.Rows)), int64(f.Len()))
			}
		}
	}
}

// hashed returns a number for a SHA-256 in hexadecimal; -1 if it is none. Half of its bits tell contents apart.
func hashed(seen map[[16]byte]int32, sum string) int32 {
	bytes, err := hex.DecodeString(sum)
	if err != nil || len(bytes) != 32 {
		return -1
	}
	key := [16]byte(bytes)
	if _, ok := seen[key]; !ok {
		seen[key] = int32(len(seen))
	}
	return seen[key]
}

func (t *table) class(seen map[string]int32, label string) int32 {
	if label == "" {
		return -1
	}
	at, ok := seen[label]
	if !ok && len(t.classes) < mostClasses {
		at, ok = int32(len(t.classes)), true
		seen[label] = at
		t.classes = append(t.classes, label)
	}
	if !ok {
		return -1
	}
	return at
}

func (t *table) close() error { return errors.Join(t.rows.Close(), t.pictures.close()) }

// report begins a report on the table.
func (t *table) report(command string) *Report {
	r := &Report{Command: command, In: t.from, Rows: t.rows.Len(), Failed: t.failed, Dim: t.rows.Dim()}
	if t.failed > 0 {
		r.note("images without an embedding, left out: %d", t.failed)
	}
	return r
}

// index builds an index, if one is asked for, and notes its recall.
func (s *Source) index(ctx context.Context, t *table, k int, r *Report) (*search.Index, int, error) {
	if s.Index != IVF {
		return nil, 0, nil
	}
	x, err := search.NewIndex(ctx, t.rows, 0, 1)
	if err != nil {
		return nil, 0, err
	}
	probes := min(cmp.Or(s.Probes, DefaultProbes), x.Lists())
	recall, err := t.recall(ctx, x, k, probes)
	if err != nil {
		return nil, 0, errors.Join(err, x.Close())
	}
	r.fact("index", fmt.Sprintf("ivf, %d of %d lists probed", probes, x.Lists()))
	r.fact("recall", fmt.Sprintf("%.4f of the %d exact neighbours of %d sampled images are found", recall,
		min(k, t.rows.Len()), min(t.rows.Len(), recallSample)))
	return x, probes, nil
}

// recallSample is how many rows are compared with exact search.
const recallSample = 200

// recall measures the index on rows drawn at random.
func (t *table) recall(ctx context.Context, x *search.Index, k, probes int) (float64, error) {
	n := min(t.rows.Len(), recallSample)
	var values []float32
	for _, i := range rand.New(rand.NewPCG(1, 0x5ec)).Perm(t.rows.Len())[:n] {
		row, err := t.rows.Read(i)
		if err != nil {
			return 0, err
		}
		values = append(values, row...)
	}
	queries, err := search.FromSlice(t.rows.Dim(), values)
	if err != nil {
		return 0, err
	}
	return x.Recall(ctx, t.rows, queries, k, probes)
}

// texts are many strings in one piece of memory.
type texts struct {
	bytes []byte
	ends  []int64
}

func (t *texts) add(s string) {
	t.bytes = append(t.bytes, s...)
	t.ends = append(t.ends, int64(len(t.bytes)))
}

func (t *texts) at(i int) string {
	from := int64(0)
	if i > 0 {
		from = t.ends[i-1]
	}
	return string(t.bytes[from:t.ends[i]])
}

// find returns the first row of each of the names that there is.
func (t *texts) find(names []string) map[string]int {
	wanted := map[string]int{}
	for _, name := range names {
		wanted[name] = -1
	}
	from := int64(0)
	for i, end := range t.ends {
		if at, ok := wanted[string(t.bytes[from:end])]; ok && at < 0 {
			wanted[string(t.bytes[from:end])] = i
		}
		from = end
	}
	for name, at := range wanted {
		if at < 0 {
			delete(wanted, name)
		}
	}
	return wanted
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
