// SPDX-License-Identifier: Apache-2.0

package pretrain_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

// A program trains SimCLR on synthetic images, and then trains the same run for longer.
func Example() {
	folder, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)
	out := filepath.Join(folder, "simclr")

	request := &pretrain.Request{Preset: "tiny-cpu", Settings: []pretrain.Setting{
		pretrain.Set("data.path", "synthetic:64"), pretrain.Set("data.size", 16),
		pretrain.Set("method.name", "simclr"), pretrain.Set("backbone.width", 4),
		pretrain.Set("train.batch", 16), pretrain.Set("train.max_steps", 4), pretrain.Set("train.threads", 1),
	}}
	result, err := pretrain.Run(context.Background(), request, pretrain.Options{Out: out, Watch: []func(run.Event){
		func(e run.Event) {
			if e.Event == run.End {
				fmt.Println(e.Reason, "after step", e.Step)
			}
		},
	}})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("trained for", result.Steps, "steps")

	longer := []pretrain.Setting{pretrain.Set("train.max_steps", 6)}
	result, err = pretrain.Resume(context.Background(), out, longer, pretrain.Options{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("trained for", result.Steps, "steps")
	// Output:
	// finished after step 4
	// trained for 4 steps
	// trained for 6 steps
}
