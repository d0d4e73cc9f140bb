// SPDX-License-Identifier: Apache-2.0

// Command method trains its own objective, alignuniform.go, as "parallax pretrain" trains a built-in one: with
// evaluations, the guard against collapse, checkpoints and an exported encoder. docs/adding-a-method.md explains it. A
// program in another module can do the same: nothing here is internal to Parallax.
//
//	go run ./examples/method
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/parallax-ssl/parallax/method"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

func main() {
	dir := "runs/" + entry.Name
	err := train(context.Background(), dir, 40, func(e run.Event) {
		if e.Event == run.StepEnd {
			fmt.Printf("step %3d  loss %+.4f  alignment %.4f  uniformity %+.4f\n",
				e.Step, e.Metrics[run.Loss].Value, e.Terms["alignment"].Value, e.Terms["uniformity"].Value)
		}
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "method: "+err.Error())
		os.Exit(1)
	}
	fmt.Println("the run is in " + dir)
}

// train makes a run of the given number of steps in a new run directory.
func train(ctx context.Context, dir string, steps int, watch func(run.Event)) error {
	request := &pretrain.Request{
		Methods: []method.Entry{entry}, // beside the built-in ones
		Preset:  "tiny-cpu",
		Settings: []pretrain.Setting{
			pretrain.Set("method.name", entry.Name),
			pretrain.Set("data.path", "synthetic:512"), pretrain.Set("data.size", 16),
			pretrain.Set("backbone.width", 8), pretrain.Set("train.batch", 64),
			pretrain.Set("train.threads", 1), // a small network gains nothing from more
			pretrain.Set("train.max_steps", steps), pretrain.Set("train.eval_every", steps),
			pretrain.Set("train.log_every", 1),
		},
	}
	_, err := pretrain.Run(ctx, request, pretrain.Options{Out: dir, Watch: []func(run.Event){watch}})
	return err
}
