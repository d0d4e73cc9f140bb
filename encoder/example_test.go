// SPDX-License-Identifier: Apache-2.0

package encoder_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/torch"
)

// Features of three images. A real program passes the directory of a run to Open.
func Example() {
	path, err := untrained()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(filepath.Dir(path))

	e, err := encoder.Open(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer e.Close()
	images := []*augment.Image{augment.NewImage(32, 32), augment.NewImage(640, 480), augment.NewImage(100, 150)}
	rows, err := e.Embed(context.Background(), images)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s: %d images, %d features each\n", e.Describe().Architecture, len(rows), len(rows[0]))
	// Output:
	// resnet8: 3 images, 32 features each
}

// untrained writes an untrained network into a file, instead of a run's.
func untrained() (path string, err error) {
	dir, err := os.MkdirTemp("", "encoder")
	if err != nil {
		return "", err
	}
	f, err := os.Create(filepath.Join(dir, "encoder.safetensors"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Name(), torch.Scope(func() error {
		network, err := backbone.New("resnet8", 8, backbone.Small)
		if err != nil {
			return err
		}
		p := nn.NewParams(1, torch.F32)
		defer p.Free()
		network.Build(p)
		return nn.WriteStates(f, p.State(), map[string]string{
			"architecture": "resnet8", "width": "8", "stem": "small", "norm": "batch",
			"features": "32", "size": "32", "mean": "[0.5 0.5 0.5]", "std": "[0.2 0.2 0.2]",
		})
	})
}
