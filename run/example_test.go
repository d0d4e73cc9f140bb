// SPDX-License-Identifier: Apache-2.0

package run_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/run"
)

// A method's hyperparameters are the exported fields of a struct.
type hyperparameters struct{ Temperature float64 }

func Example() {
	c := config.Default()
	c.Method = config.MethodConfig{Name: "simclr", Fields: &hyperparameters{Temperature: 0.5}}
	layered, err := config.New(&c)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(layered.Set("method.temperatur", "0.2", "--set"))
	if err := layered.Set("method.temperature", "0.2", "--set"); err != nil {
		fmt.Println(err)
		return
	}

	parent, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(parent)
	dir, err := run.Create(filepath.Join(parent, "first"), layered)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer dir.Close()
	log, err := dir.OpenLog(0, func(e run.Event) { fmt.Println("step", e.Step, "loss", e.Metrics[run.Loss].Value) })
	if err != nil {
		fmt.Println(err)
		return
	}
	defer log.Close()
	step := run.Event{Event: run.StepEnd, Step: 1, Metrics: map[string]run.Number{run.Loss: run.Num(5.5)}}
	if err := log.Write(step); err != nil {
		fmt.Println(err)
	}
	metrics, err := os.ReadFile(dir.Path(run.MetricsFile))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(string(metrics))
	// Output:
	// --set: unknown key method.temperatur: did you mean method.temperature? method holds: name, temperature
	// step 1 loss 5.5
	// {"event":"step","step":1,"epoch":0,"loss":5.5}
}
