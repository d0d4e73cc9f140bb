// SPDX-License-Identifier: Apache-2.0

// Command curves plots runs from their metrics.jsonl: the standard deviation, the effective rank and the kNN accuracy
// over the steps, one line per run. It also prints the last values as a Markdown table. With -out "" it only prints.
//
//	curves -out curves.png runs/simclr runs/simsiam
package main

import (
	"flag"
	"fmt"
	"image/color"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"

	"github.com/parallax-ssl/parallax/run"
)

// panel is one of the plots side by side.
type panel struct {
	title, of, metric string
}

var panels = []panel{
	{"std of the embedding (0 = collapsed)", run.OfEmbedding, run.Std},
	{"effective rank of the embedding", run.OfEmbedding, run.EffectiveRank},
	{"kNN accuracy of the backbone", run.OfBackbone, run.KNN},
}

// colours are Okabe and Ito's, which colour-blind readers can tell apart.
var colours = []color.RGBA{{0, 114, 178, 255}, {0, 158, 115, 255}, {230, 159, 0, 255}, {213, 94, 0, 255},
	{204, 121, 167, 255}, {86, 180, 233, 255}}

func main() {
	out := flag.String("out", "curves.png", "the PNG file to write, if any")
	flag.Parse()
	if err := curves(*out, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "curves: "+err.Error())
		os.Exit(1)
	}
}

func curves(out string, dirs []string) error {
	if len(dirs) == 0 {
		return fmt.Errorf("name run directories")
	}
	plots := [][]*plot.Plot{make([]*plot.Plot, len(panels))}
	for i, p := range panels {
		plots[0][i] = plot.New()
		plots[0][i].Title.Text = p.title
		plots[0][i].X.Label.Text = "step"
		plots[0][i].Y.Min = 0
		plots[0][i].Add(plotter.NewGrid())
		plots[0][i].Legend.TextStyle.Font.Size = font.Length(8)
	}
	fmt.Println("| run | kNN, untrained | kNN | linear | std | effective rank | mean cosine | images/s |\n| --- | " +
		"--- | --- | --- | --- | --- | --- | --- |")
	for d, dir := range dirs {
		events, err := read(dir)
		if err != nil {
			return err
		}
		for i, p := range panels {
			line, err := plotter.NewLine(points(events, p))
			if err != nil {
				return fmt.Errorf("%s: %w", dir, err)
			}
			line.Color, line.Width = colours[d%len(colours)], vg.Points(1.5)
			plots[0][i].Add(line)
			if i == 0 {
				plots[0][i].Legend.Add(filepath.Base(dir), line)
			}
		}
		row(dir, events)
	}
	if out == "" {
		return nil
	}
	return save(out, plots)
}

func read(dir string) ([]run.Event, error) {
	f, err := os.Open(filepath.Join(dir, run.MetricsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var events []run.Event
	for e, err := range run.ReadEvents(f) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", dir, err)
		}
		events = append(events, e)
	}
	return events, nil
}

func points(events []run.Event, p panel) plotter.XYs {
	var xys plotter.XYs
	for _, e := range events {
		if v := e.Metrics[p.metric]; e.Event == run.Eval && e.Probe != run.GuardProbe && e.Of == p.of && v.Known {
			xys = append(xys, plotter.XY{X: float64(e.Step), Y: v.Value})
		}
	}
	return xys
}

// row prints the last values of a run; images per second is the median over the step lines.
func row(dir string, events []run.Event) {
	var first, z, h run.Event
	var rates []float64
	for _, e := range events {
		switch {
		case e.Probe == run.GuardProbe: // it measures few images
		case e.Event == run.StepEnd && e.Step > 1:
			rates = append(rates, e.Metrics[run.ImagesPerSecond].Value)
		case e.Event == run.Eval && e.Of == run.OfEmbedding:
			z = e
		case e.Event == run.Eval && e.Of == run.OfBackbone:
			h = e
			if first.Event == "" {
				first = e
			}
		}
	}
	fmt.Printf("| %s | %.3f | %.3f | %.3f | %.2f | %.1f | %.2f | %.0f |\n", filepath.Base(dir),
		first.Metrics[run.KNN].Value, h.Metrics[run.KNN].Value, h.Metrics[run.Linear].Value,
		z.Metrics[run.Std].Value, z.Metrics[run.EffectiveRank].Value, z.Metrics[run.MeanCosine].Value, median(rates))
}

func save(out string, plots [][]*plot.Plot) error {
	canvas := vgimg.NewWith(vgimg.UseWH(vg.Points(900), vg.Points(260)), vgimg.UseDPI(120),
		vgimg.UseBackgroundColor(color.White))
	tiles := draw.Tiles{Rows: 1, Cols: len(panels), PadX: vg.Points(12), PadTop: vg.Points(6), PadRight: vg.Points(8),
		PadBottom: vg.Points(2)}
	for i, c := range plot.Align(plots, tiles, draw.New(canvas))[0] {
		plots[0][i].Draw(c)
	}
	f, err := os.Create(out)
	if err != nil {
		return err
	}
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	slices.Sort(v)
	return stat.Quantile(0.5, stat.Empirical, v, nil)
}
