// SPDX-License-Identifier: Apache-2.0

// Command outside is a program outside Parallax. It pretrains an encoder with its own objective, measures it during
// training, and embeds images with it. It prints what it did.
package main

import (
	"context"
	"fmt"
	"log"
	"math"
	"os"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/pretrain/probe"
	"github.com/parallax-ssl/parallax/run"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 2 {
		log.Fatal("outside: give a directory for the run")
	}
	if err := pretrainAndEmbed(context.Background(), os.Args[1]); err != nil {
		log.Fatal("outside: " + err.Error())
	}
}

func pretrainAndEmbed(ctx context.Context, dir string) error {
	request := &pretrain.Request{
		Methods: []method.Entry{entry}, // alignuniform.go
		Preset:  "tiny-cpu",
		Settings: []pretrain.Setting{
			pretrain.Set("method.name", entry.Name), pretrain.Set("data.path", "synthetic:128"),
			pretrain.Set("data.size", 16),
			pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 32), pretrain.Set("train.threads", 1),
			pretrain.Set("train.max_steps", 20), pretrain.Set("train.eval_every", 10),
		},
	}
	result, err := pretrain.Run(ctx, request, pretrain.Options{
		Out: dir, Metrics: []probe.Metric{length}, Watch: []func(run.Event){show},
	})
	if err != nil {
		return err
	}
	fmt.Printf("trained for %d steps by %s\n", result.Steps, entry.Name)

	e, err := encoder.Open(dir)
	if err != nil {
		return err
	}
	defer e.Close()
	source, err := dataset.Open("synthetic:100", dataset.Options{Size: e.Size()})
	if err != nil {
		return err
	}
	defer source.Close()
	images := make([]*augment.Image, source.Len())
	for i := range images {
		if images[i], err = source.Image(i); err != nil {
			return err
		}
	}
	rows, err := e.Embed(ctx, images)
	if err != nil {
		return err
	}
	fmt.Printf("embedded %d images: %d features each\n", len(rows), len(rows[0]))
	return nil
}

// length is a metric: the mean length of the features.
var length = probe.Metric{Name: "length", Measure: func(r *probe.Rows) float64 {
	if r.Of != run.OfBackbone {
		return math.NaN()
	}
	squares := r.Queries.Square().Sum(1).Float32s()
	sum := 0.0
	for _, s := range squares {
		sum += math.Sqrt(float64(s))
	}
	return sum / float64(len(squares))
}}

// show prints the metric of an evaluation.
func show(e run.Event) {
	if v, ok := e.Metrics[length.Name]; ok && e.Step > 0 {
		fmt.Printf("step %d: features of length %.3f\n", e.Step, v.Value)
	}
}
