// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/export/internal/graph"
	"github.com/parallax-ssl/parallax/export/internal/onnxfile"
	"github.com/parallax-ssl/parallax/internal/machine"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// Request says what to export, and how.
type Request struct {
	Run    string // the directory of a run, an encoder.safetensors, or a checkpoint of another program
	Out    string // the file to write
	Format Format // "": by the ending of Out
	// Preprocess puts scaling and normalisation into the network, whose input is then uint8, N x H x W x 3. Not of
	// safetensors.
	Preprocess bool
	Half       bool   // weights and arithmetic in float16; input and output stay as they are
	Opset      int    // of ONNX, 17 to 23; 0 is 18
	License    string // of the weights, for the card: an SPDX expression or words; "": not stated
	Card       string // also write the card to this Markdown file; "" for none
	Force      bool   // replace files that exist

	// Data are images for the comparison: a folder, an archive or synthetic. "": the run's own.
	Data    string
	Threads int                // of the engine; 0: one for each core
	Version string             // of the program, for the card
	Methods []method.Entry     // objectives beside the built-in ones
	Watch   func(doing string) // is told what is being done; may be nil

	damage func(states []nn.State) // changes what is exported, in a test
}

// The smallest and largest version of ONNX's operator set that [Request.Opset] may name, and the usual one.
const (
	LeastOpset   = onnxfile.LeastOpset
	MostOpset    = onnxfile.MostOpset
	DefaultOpset = onnxfile.DefaultOpset
)

// Result describes the file that was written.
type Result struct {
	Path        string       `json:"path"`
	Bytes       int64        `json:"bytes"`
	Comparisons []Comparison `json:"comparisons"`
	Tolerance   float64      `json:"tolerance"` // that was allowed, see [Tolerance]
	Card        Card         `json:"card"`
}

// ErrDiffers is wrapped by the error of an export whose features are not those of the encoder. There is no file then.
var ErrDiffers = errors.New("the exported network gives other features than the encoder")

// Write exports an encoder. It writes a temporary file beside Out, compares the file's features with those of the
// encoder, and only then gives the file its name.
func Write(ctx context.Context, r Request) (*Result, error) {
	if err := r.complete(); err != nil {
		return nil, fmt.Errorf("exporting %s: %w", r.Run, err)
	}
	result, err := r.write(ctx)
	if err != nil {
		return nil, fmt.Errorf("exporting %s as %s: %w", r.Run, r.Format, err)
	}
	return result, nil
}

// complete fills in defaults and refuses what cannot be done.
func (r *Request) complete() error {
	if r.Run == "" || r.Out == "" {
		return run.Invalid(errors.New("name the run, or an encoder.safetensors, and the file to write"))
	}
	if r.Format == "" {
		var err error
		if r.Format, err = ofEnding(r.Out); err != nil {
			return run.Invalid(err)
		}
	}
	if err := r.Format.check(); err != nil {
		return run.Invalid(err)
	}
	if r.Format == Safetensors && r.Preprocess {
		return run.Invalid(errors.New("safetensors holds weights, and no pre-processing: choose another format"))
	}
	if r.Format != ONNX && r.Opset != 0 {
		return run.Invalid(fmt.Errorf("an opset was given: %s has none, only onnx has", r.Format))
	}
	if r.Opset == 0 {
		r.Opset = DefaultOpset
	}
	if r.Opset < LeastOpset || r.Opset > MostOpset {
		return run.Invalid(fmt.Errorf("opset %d: it must be from %d to %d", r.Opset, LeastOpset, MostOpset))
	}
	if len(r.License) > 200 {
		return run.Invalid(errors.New("the licence is longer than 200 bytes: give its name, such as CC-BY-4.0"))
	}
	if r.Threads == 0 {
		r.Threads = machine.Threads()
	}
	if r.Threads < 1 || r.Threads > 1024 {
		return run.Invalid(fmt.Errorf("threads is %d: it must be from 1 to 1024", r.Threads))
	}
	for _, path := range []string{r.Out, r.Card} {
		if err := vacant(path, r.Force); err != nil {
			return err
		}
	}
	return nil
}

// vacant refuses a path at which there is something.
func vacant(path string, force bool) error {
	if path == "" {
		return nil
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return run.Invalid(fmt.Errorf("%s is no file: name another one", path))
	case !force:
		return run.Invalid(fmt.Errorf("%s exists: name another file, or replace it with --force", path))
	}
	return nil
}

func (r *Request) write(ctx context.Context) (*Result, error) {
	r.say("reading the encoder")
	e, err := encoder.Open(r.Run, encoder.Methods(r.Methods...))
	if err != nil {
		return nil, err
	}
	defer e.Close()
	if d := e.Describe(); r.Preprocess && d.Kept != "" {
		return nil, run.Invalid(fmt.Errorf("the pre-processing is of 8-bit RGB, and this encoder takes %v: leave "+
			"--preprocess out", d.Format()))
	}
	card, err := r.card(e.Describe())
	if err != nil {
		return nil, err
	}
	r.say("reading images for the comparison")
	samples, err := r.samples(ctx, e.Describe())
	if err != nil {
		return nil, err
	}
	var states []nn.State
	if err := e.Network(func(_ nn.Layer, p *nn.Params) error {
		torch.SetThreads(r.Threads)
		for _, n := range p.All() {
			states = append(states, nn.StateOf(p.Local(n), n.Tensor))
		}
		return nil
	}); err != nil {
		return nil, err
	}
	if r.damage != nil {
		r.damage(states)
	}
	w := &written{Request: r, encoder: e, states: states, card: card}
	if r.Format != Safetensors {
		w.graph, err = graph.New(e.Describe().Encoder, states, graph.Options{Preprocess: r.Preprocess, Half: r.Half})
		if err != nil {
			return nil, err
		}
	}
	return w.write(ctx, samples)
}

func (r *Request) say(doing string) {
	if r.Watch != nil {
		r.Watch(doing)
	}
}

// written is one export.
type written struct {
	*Request
	encoder *encoder.Encoder
	states  []nn.State
	graph   *graph.Graph // nil for safetensors
	card    Card
}

// write writes the file and the card.
func (w *written) write(ctx context.Context, samples []sample) (result *Result, err error) {
	name := filepath.Base(w.Out)
	temporary := filepath.Join(filepath.Dir(w.Out), "."+name+".parallax-tmp-"+strconv.Itoa(os.Getpid())+"-"+
		strconv.FormatUint(rand.Uint64(), 36))
	defer func() {
		if failed := os.Remove(temporary); failed != nil && !errors.Is(failed, fs.ErrNotExist) {
			err = errors.Join(err, run.Output("removing "+temporary, failed))
		}
	}()
	w.say("writing " + w.Out)
	if err := w.file(temporary); err != nil {
		return nil, err
	}
	w.say("comparing it with the encoder")
	result = &Result{Path: w.Out, Tolerance: w.tolerance(), Card: w.card}
	if result.Comparisons, err = w.compare(ctx, temporary, samples); err != nil {
		return nil, err
	}
	info, err := os.Stat(temporary)
	if err != nil {
		return nil, err
	}
	result.Bytes = info.Size()
	if err := vacant(w.Out, w.Force); err != nil { // it may have come in the meantime
		return nil, err
	}
	if err := run.Rename(temporary, w.Out); err != nil {
		return nil, err
	}
	if w.Request.Card != "" {
		err = run.WriteFile(w.Request.Card, func(out io.Writer) error {
			_, err := io.WriteString(out, w.card.Markdown(result))
			return err
		})
	}
	return result, err
}

// file writes the export to path, where there is nothing, and brings it to disk.
func (w *written) file(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return run.Output("writing "+w.Out, err)
	}
	defer f.Close()
	if err := w.Format.kind().write(w, f); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return run.Output("writing "+w.Out, err)
	}
	return nil
}

// to writes bytes, and marks an error as one of the output.
func (w *written) to(f io.Writer, data []byte) error {
	_, err := io.Copy(f, bytes.NewReader(data))
	return run.Output("writing "+w.Out, err)
}
