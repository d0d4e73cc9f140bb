// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"github.com/parallax-ssl/parallax/embed"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/printable"
)

// embedEnds are the statuses of embed beside those of all commands.
var embedEnds = []int{exit.Engine, exit.Memory, exit.Output, exit.OfSignal(syscall.SIGHUP),
	exit.OfSignal(syscall.SIGINT), exit.OfSignal(syscall.SIGQUIT), exit.OfSignal(syscall.SIGTERM),
	exit.OfSignal(syscall.SIGXCPU)}

func embedCommand() *cobra.Command {
	var q embed.Request
	var asJSON bool
	c := &cobra.Command{
		Use:   "embed --run DIR|FILE --data PATH --out FILE",
		Short: "Write the embeddings of images into a file",
		Long: `Embed runs images through a trained encoder and writes a row for each into a file. The file's ending
says its format:

  .parquet  a list of a fixed size for each image; pandas.read_parquet and pyarrow read it
  .npy      a matrix for numpy.load; the other columns are in a CSV file beside it
  .csv      a column for each dimension

The columns are path, sha256 (of the image's file), status (ok or failed), reason, label and embedding. An
image that cannot be read costs its own row: its status is failed, the reason says why, and it has no
embedding. If all images fail, that is an error. How the embeddings came to be (the network, its weights,
the data, the settings) is in the Parquet file's metadata, or in a file .card.json beside the others.

Layers: backbone is the features h that evaluations use. projector is z, which the loss sees; only a run's
directory has it. blocks is more of the backbone: the output of each stage of a ResNet, averaged over
space, or the class tokens after the last four blocks of a ViT, concatenated. --views N averages the
embeddings of N views: the whole image, and N-1 random crops, half of them flipped, that depend on the
image's pixels alone. --mirror averages those of a view and of its mirror image, so that an image and its mirror
image have the same embedding.

Memory does not grow with the number of images. What is finished is kept in FILE.partial until the file is
complete: after an interruption, the same command goes on there, and the file has the same bytes as
without one. It refuses to go on with other settings, other images or another encoder; --force begins
anew, and replaces a file that exists. The number of threads changes the last bits.` + statuses(embedEnds...),
		Example: `  parallax embed --run runs/simclr-1 --data photos --out photos.parquet
  parallax embed --run runs/simclr-1/encoder.safetensors --data photos --out photos.npy --float16
  parallax embed --run runs/simclr-1 --data photos.tar --out blocks.csv --layer blocks --normalize --views 4`,
		Args:    noArguments,
		PreRunE: enough,
		RunE: func(c *cobra.Command, _ []string) error {
			outliveReader()
			q.Version = version
			bar := newEmbedBar(os.Stderr)
			q.Progress = bar.show
			tidying.Store(true)
			r, err := embed.Run(c.Context(), q)
			tidying.Store(false)
			bar.end()
			if _, stopped := asInterruption(err); stopped {
				fmt.Fprintf(os.Stderr, "parallax: %s: finished rows are kept: the same command goes on\n", oneLine(err))
			}
			if err != nil {
				return err
			}
			if asJSON {
				return forReader(json.NewEncoder(c.OutOrStdout()).Encode(r))
			}
			return forReader(printEmbedded(c.OutOrStdout(), r))
		},
	}
	fl := c.Flags()
	fl.StringVar(&q.Run, "run", "", "the run's directory, or an encoder's file (see parallax import)")
	fl.StringVar(&q.Data, "data", "", "images: a folder, an archive, or synthetic")
	fl.StringVar(&q.Out, "out", "", "file to write: .parquet, .npy or .csv")
	fl.StringVar(&q.Layer, "layer", encoder.LayerBackbone, "what to write: backbone, projector or blocks")
	fl.IntVar(&q.Views, "views", 1, "views of each image whose embeddings are averaged")
	fl.BoolVar(&q.Mirror, "mirror", false, "average the embeddings of each image and of its mirror image")
	fl.BoolVar(&q.Normalize, "normalize", false, "scale each embedding to length 1")
	fl.BoolVar(&q.Float16, "float16", false, "write float16 instead of float32")
	fl.StringVar(&q.Labels, "labels", "", "none, folders, or a CSV file of path,label; default by the data")
	fl.StringVar(&q.Split, "split", "", "train, val, test, all, or none (no folder is a split); default all")
	fl.StringVar(&q.Device, "device", "", "cpu or cuda; default cpu")
	fl.IntVar(&q.Batch, "batch", 0, "views that go through the network at once; default 64")
	fl.IntVar(&q.Threads, "threads", 0, "threads of the engine; default one per core")
	fl.IntVar(&q.Workers, "workers", 0, "threads that read images; default one per core")
	fl.BoolVar(&q.Force, "force", false, "replace a file that exists, and forget an interrupted command")
	fl.BoolVar(&asJSON, "json", false, "print the result as JSON")
	c.RegisterFlagCompletionFunc("layer", cobra.FixedCompletions([]string{encoder.LayerBackbone,
		encoder.LayerProjector, encoder.LayerBlocks}, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// printEmbedded prints what was written.
func printEmbedded(w io.Writer, r *embed.Result) error {
	var err error
	line := func(format string, a ...any) {
		_, failed := fmt.Fprintln(w, printable.Text(fmt.Sprintf(format, a...)))
		err = errors.Join(err, failed)
	}
	for _, n := range r.Notes {
		line("%s", n)
	}
	if r.Resumed > 0 {
		line("resumed after %d rows", r.Resumed)
	}
	for _, f := range r.Failures {
		line("failed: row %d, %s: %s", f.Row, printable.Name(f.Path), f.Reason)
	}
	if more := r.Failed - len(r.Failures); more > 0 {
		line("failed: %d more", more)
	}
	line("%s: %d rows of %d dimensions, %d of them failed, %.0f images/s", r.Out, r.Rows, r.Dim, r.Failed, r.Rate)
	return err
}

// embedBar shows the progress of embed: a bar in a terminal, else a line every half minute.
type embedBar struct {
	out  io.Writer
	bars *mpb.Progress // nil outside a terminal
	bar  *mpb.Bar

	mu     sync.Mutex // the bar is drawn by a goroutine of its own
	now    embed.Progress
	start  time.Time
	spoken time.Time
}

// quiet is how long embedBar says nothing outside a terminal.
const quiet = 30 * time.Second

func newEmbedBar(out *os.File) *embedBar {
	b := &embedBar{out: out, start: time.Now(), spoken: time.Now()}
	if term.IsTerminal(int(out.Fd())) {
		b.bars = mpb.New(mpb.WithOutput(out), mpb.WithWidth(24), mpb.WithRefreshRate(200*time.Millisecond))
	}
	return b
}

func (b *embedBar) show(p embed.Progress) {
	b.mu.Lock()
	first := b.now.Of == 0
	b.now = p
	if first {
		b.start = time.Now()
	}
	b.mu.Unlock()
	switch {
	case b.bars == nil:
		if time.Since(b.spoken) > quiet {
			b.spoken = time.Now()
			fmt.Fprintf(b.out, "parallax: %d/%d %s\n", p.Done, p.Of, b.line())
		}
		return
	case b.bar == nil:
		start := decor.Any(func(decor.Statistics) string { return lineStart })
		bar, err := b.bars.Add(int64(p.Of), mpb.BarStyle().Build(), mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(start, decor.CountersNoUnit("%d/%d ")),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return b.line() })))
		if err != nil {
			b.bars = nil // the terminal is gone
			return
		}
		b.bar = bar
	}
	b.bar.SetCurrent(int64(p.Done))
}

// line is the text beside the bar.
func (b *embedBar) line() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	text := ""
	if done, took := b.now.Done-b.now.Resumed, time.Since(b.start).Seconds(); done > 0 && took > 0 {
		rate := float64(done) / took
		left := time.Duration(float64(b.now.Of-b.now.Done) / rate * float64(time.Second))
		text = fmt.Sprintf("%.0f images/s  %s left", rate, rounded(left))
	}
	if b.now.Failed > 0 {
		text += fmt.Sprintf("  %d failed", b.now.Failed)
	}
	return text
}

// end removes the bar.
func (b *embedBar) end() {
	if b.bar != nil {
		b.bar.Abort(true)
	}
	if b.bars != nil {
		b.bars.Wait()
		fmt.Fprint(b.out, lineStart)
	}
}
