// SPDX-License-Identifier: Apache-2.0

package embed

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parallax-ssl/parallax/embedding"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/run"
)

// Request says what to embed, with what, and where to. Only Run, Data and Out must be set.
type Request struct {
	Run  string // a run's directory, an encoder.safetensors, or a checkpoint of another program
	Data string // images, as dataset.Open takes them
	Out  string // the output; its ending says the format: .parquet, .npy or .csv

	Layer     string // encoder.LayerBackbone, LayerProjector or LayerBlocks; "" for the backbone
	Views     int    // views of an image whose embeddings are averaged, see encoder.Views; 0 for 1
	Mirror    bool   // average the embeddings of an image and of its mirror image, see encoder.Mirror
	Normalize bool   // scale each embedding to length 1
	Float16   bool   // write float16; not in CSV

	Labels string // "none", "folders" or a CSV file; "" for the data's own
	Split  string // "train", "val", "test", "all" or "none"; "" for all images

	Device  string // "cpu" or "cuda"; "" for cpu
	Batch   int    // views that go through the network at once; 0 for 64
	Threads int    // of the engine; 0 for one per core. The last bits of an embedding depend on it.
	Workers int    // goroutines that read images; 0 for one per core

	Force   bool   // replace an output that exists, and begin anew after an interruption
	Version string // of the program, for the card

	// Progress, if not nil, is called at the start and after each batch, from one goroutine.
	Progress func(Progress)
}

// Progress says how far Run is.
type Progress struct {
	Done, Failed, Of int // rows that are finished, those of them that failed, and all rows
	Resumed          int // rows that an earlier call had finished
}

// Result describes a file that Run has written.
type Result struct {
	Out     string         `json:"out"`
	Rows    int            `json:"rows"`
	Failed  int            `json:"failed"`  // rows without an embedding
	Resumed int            `json:"resumed"` // rows that earlier calls had finished
	Dim     int            `json:"dimensions"`
	Seconds float64        `json:"seconds"` // of this call
	Rate    float64        `json:"images_per_second"`
	Card    embedding.Card `json:"card"`
	Notes   []string       `json:"notes,omitempty"` // what the data set was taken for
	// Failures are the first rows that failed, at most 10, without vectors.
	Failures []Failure `json:"failures,omitempty"`
}

// Failure is an image without an embedding.
type Failure struct {
	Row    int    `json:"row"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

// mostFailures is how many failures a Result names.
const mostFailures = 10

const (
	mostThreads = 4096
	mostBatch   = 1 << 16
)

// check returns what is wrong with the request, and completes it.
func (q *Request) check() error {
	switch {
	case q.Run == "":
		return errors.New("no encoder given: name the directory of a run, or an encoder.safetensors")
	case q.Data == "":
		return errors.New("no data given: name a folder, an archive, or synthetic")
	case q.Out == "":
		return errors.New("no output given: name a file that ends in .parquet, .npy or .csv")
	case !slices.Contains(embedding.Endings(), strings.ToLower(filepath.Ext(q.Out))):
		return fmt.Errorf("the output %s: its name must end in .parquet, .npy or .csv", q.Out)
	case q.Float16 && strings.EqualFold(filepath.Ext(q.Out), ".csv"):
		return errors.New("a CSV file has no float16: choose .parquet or .npy")
	}
	for _, n := range []struct {
		name  string
		value *int
		most  int
	}{
		{"views", &q.Views, encoder.DefaultBatchSize}, {"batch", &q.Batch, mostBatch},
		{"threads", &q.Threads, mostThreads}, {"workers", &q.Workers, mostThreads},
	} {
		if *n.value < 0 || *n.value > n.most {
			return fmt.Errorf("%s is %d: it must be 1 to %d, or 0 for the default", n.name, *n.value, n.most)
		}
	}
	if q.Layer == "" {
		q.Layer = encoder.LayerBackbone
	}
	if q.Split == "" {
		q.Split = "all"
	}
	q.Views = max(q.Views, 1)
	return nil
}

// plan is what the bytes of an output depend on. It is kept beside the output until that is complete.
type plan struct {
	Version     int    `json:"version"`
	Weights     string `json:"encoder"`
	Fingerprint string `json:"data"`
	Images      int    `json:"images"`
	Layer       string `json:"layer"`
	Views       int    `json:"views"`
	Mirror      bool   `json:"mirror"`
	Normalize   bool   `json:"normalize"`
	Float16     bool   `json:"float16"`
	Device      string `json:"device"`
	Batch       int    `json:"batch"`
	Threads     int    `json:"threads"`
}

// planVersion changes with the form of the journal.
const planVersion = 1

// differs returns an error that names a difference between the plan of an interrupted call and that of this one.
func (p plan) differs(now plan) error {
	for _, d := range []struct {
		what     string
		was, now any
	}{
		{"by another version of this program", p.Version, now.Version},
		{"with other weights of the encoder", p.Weights, now.Weights},
		{"with other images, or other labels", p.Fingerprint, now.Fingerprint},
		{"with another number of images", p.Images, now.Images},
		{fmt.Sprintf("with layer %.20q, not %s", p.Layer, now.Layer), p.Layer, now.Layer},
		{fmt.Sprintf("with %d views, not %d", p.Views, now.Views), p.Views, now.Views},
		{fmt.Sprintf("with mirror %v, not %v", p.Mirror, now.Mirror), p.Mirror, now.Mirror},
		{fmt.Sprintf("with normalize %v, not %v", p.Normalize, now.Normalize), p.Normalize, now.Normalize},
		{fmt.Sprintf("with float16 %v, not %v", p.Float16, now.Float16), p.Float16, now.Float16},
		{fmt.Sprintf("on device %.20q, not %s", p.Device, now.Device), p.Device, now.Device},
		{fmt.Sprintf("in batches of %d, not %d", p.Batch, now.Batch), p.Batch, now.Batch},
		{fmt.Sprintf("with %d threads, not %d", p.Threads, now.Threads), p.Threads, now.Threads},
	} {
		if d.was != d.now {
			return errors.New(d.what)
		}
	}
	return nil
}

// partial is the folder of what is finished while the output is not complete.
func (q *Request) partial() string { return q.Out + ".partial" }

// vacant refuses an output that exists.
func (q *Request) vacant() error {
	for _, path := range embedding.Files(q.Out) {
		if _, err := os.Lstat(path); err == nil {
			return run.Invalid(fmt.Errorf("%s exists already: choose another --out, or replace it with --force", path))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// finite reports whether all values are numbers.
func finite(row []float32) bool {
	return !slices.ContainsFunc(row, func(v float32) bool {
		return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
	})
}
