// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/parallax-ssl/parallax/internal/exit"
	"github.com/parallax-ssl/parallax/internal/printable"
	"github.com/parallax-ssl/parallax/preset"
	"github.com/parallax-ssl/parallax/pretrain/scale"
)

func planCommand() *cobra.Command {
	r := scale.Request{Cluster: scale.Cluster{Latency: 10 * time.Microsecond}}
	var images float64
	var links []float64
	var disk size = 1 << 30
	var asJSON bool
	c := &cobra.Command{
		Use:   "plan --nodes N --gpus N --data-images N",
		Short: "Say what a run on more machines would exchange, hold and save",
		Long: `Plan says what a run would take on machines that are not here: the memory of the index of its images, how
well a shuffle archive by archive mixes them, what the processes exchange in a step of each method, how long
that takes by the speed of the link, and how large a checkpoint is.

What can be counted is counted. Each method makes real steps with few images in one process, which exchanges
with itself what several would exchange with one another. What it exchanges is linear in the batch. The index
and the order of an epoch are real, of fewer images. Times are a model: the processes form a ring, and the
latencies of an exchange add up along a tree. Gradients are exchanged while backward goes on; for everything
else the processes wait. --speed, the images a second of one process alone, adds how much of that speed is left.

Without --method every method has a line, which takes some minutes.` +
			statuses(exit.Engine, exit.Memory),
		Example: `  parallax plan --nodes 8 --gpus 8 --data-images 1e9
  parallax plan --nodes 2 --gpus 4 --data-images 1.3e6 --method simclr --speed 1500 --link 25,100
  parallax plan --nodes 4 --gpus 8 --data-images 1e8 --method dino --backbone vit_small --json`,
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if !(images >= 1 && images <= 1e12) {
				return usage(fmt.Errorf("--data-images is %g: give a number of images, such as 1e9", images))
			}
			r.Images, r.Cluster.Disk = int(math.Round(images)), float64(disk)
			r.Cluster.Links = nil
			for _, g := range links {
				r.Cluster.Links = append(r.Cluster.Links, g*1e9)
			}
			p, err := scale.New(c.Context(), r)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			if !asJSON {
				printData(out, p)
				printHead(out, p)
			}
			for m, err := range p.Simulate(c.Context()) {
				if err != nil {
					return err
				}
				if !asJSON {
					printMethod(out, m)
				}
			}
			if asJSON {
				return forReader(printJSON(out, p))
			}
			return nil
		},
	}
	fl := c.Flags()
	fl.IntVar(&r.Cluster.Machines, "nodes", 1, "machines")
	fl.IntVar(&r.Cluster.Processes, "gpus", 1, "processes on each, one a GPU")
	fl.Float64Var(&images, "data-images", 0, "images, such as 1e9")
	fl.StringVar(&r.Method, "method", "", "one method; default all (parallax methods lists them)")
	fl.StringVar(&r.Preset, "preset", "imagenet", "settings: "+strings.Join(preset.Names, ", "))
	fl.StringVar(&r.Backbone, "backbone", "", "network; default the preset's")
	fl.IntVar(&r.Size, "size", 224, "side of a view in pixels")
	fl.IntVar(&r.Batch, "batch", 0, fmt.Sprintf("images of a step, of all processes; default %d for each",
		scale.UsualShare))
	fl.IntVar(&r.PerShard, "per-archive", 10_000, "images in an archive")
	fl.Float64SliceVar(&links, "link", []float64{10, 100, 400}, "speeds of the links between machines, in Gbit/s")
	fl.DurationVar(&r.Cluster.Latency, "latency", r.Cluster.Latency, "of a message from one process to another")
	fl.Float64Var(&r.Cluster.Speed, "speed", 0, "images a second of one process alone; default not known")
	fl.Var(&disk, "disk", "what the disk of checkpoints writes in a second")
	fl.BoolVar(&asJSON, "json", false, "print JSON")
	c.RegisterFlagCompletionFunc("method", completeMethod)
	c.RegisterFlagCompletionFunc("preset", cobra.FixedCompletions(preset.Names, cobra.ShellCompDirectiveNoFileComp))
	return c
}

// printData prints what does not depend on the method.
func printData(w io.Writer, p *scale.Plan) {
	c, s := &p.Cluster, p.Shuffle
	printFindings(w, []finding{
		{"processes", fmt.Sprintf("%d: %d on each of %d machines", c.All(), c.Processes, c.Machines)},
		{"batch", fmt.Sprintf("%d images, %d of each process: %d steps an epoch", p.Batch, p.Batch/c.All(),
			p.Images/p.Batch)},
		{"index", fmt.Sprintf("%s in each process, %s on a machine: %.0f bytes an image, measured on archives",
			inBytes(p.Index.Bytes), inBytes(p.Index.Bytes*float64(c.Processes)), p.Index.PerImage)},
		{"order", fmt.Sprintf("%s in each process while an epoch's order is drawn, which takes %s",
			inBytes(p.Index.OrderBytes), inSeconds(p.Index.OrderTime))},
		{"shuffle", fmt.Sprintf("%d archives, of which %d are open at a time; a batch has images of %.0f", s.Shards,
			s.Open, s.InBatch)},
		{"", fmt.Sprintf("two images of a batch are of one archive with probability %.2g, and %.2g in a full shuffle",
			s.SameHere, s.SameEver)},
	})
}

// printHead explains and heads the lines of the methods.
func printHead(w io.Writer, p *scale.Plan) {
	fmt.Fprintf(w, `
Of a step: the bytes of gathered rows, of sums, of notes (batch norm's statistics, shapes) and of gradients, and what
each process sends. By the speed of the link: how long the processes wait for exchanges, and in brackets the
gradients' time, which backward hides.
`)
	fmt.Fprintf(w, "%-14s %9s %9s %9s %9s %9s", "method", "rows", "sums", "notes", "gradients", "sent")
	for _, link := range p.Cluster.Links {
		fmt.Fprintf(w, " %20s", fmt.Sprintf("%g Gbit/s", link/1e9))
	}
	fmt.Fprintf(w, " %16s\n", "checkpoint")
}

// printMethod prints the line of a method.
func printMethod(w io.Writer, m scale.Method) {
	if m.Unplanned != "" {
		fmt.Fprintf(w, "%-14s %s\n", m.Name, printable.Text(m.Unplanned))
		return
	}
	t := &m.Step
	fmt.Fprintf(w, "%-14s", m.Name)
	for _, n := range []int{t.Gathered.Bytes, t.Summed.Bytes, t.Noted.Bytes, t.Averaged.Bytes, int(m.Sent)} {
		fmt.Fprintf(w, " %9s", inBytes(float64(n)))
	}
	for _, t := range m.Times {
		text := fmt.Sprintf("%s (%s)", inSeconds(t.Others), inSeconds(t.Gradients))
		if t.Efficiency > 0 {
			text += fmt.Sprintf(" %3.0f%%", 100*t.Efficiency)
		}
		fmt.Fprintf(w, " %20s", text)
	}
	fmt.Fprintf(w, " %16s\n", inBytes(m.State)+" "+inSeconds(m.SaveTime))
}

func inBytes(n float64) string { return humanize.IBytes(uint64(n)) }

// inSeconds is a time with three digits.
func inSeconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.3g ms", 1e3*s)
	}
	return fmt.Sprintf("%.3g s", s)
}
