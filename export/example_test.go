// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/parallax-ssl/parallax/backbone"
	"github.com/parallax-ssl/parallax/checkpoint"
	"github.com/parallax-ssl/parallax/export"
	"github.com/parallax-ssl/parallax/nn"
	"github.com/parallax-ssl/parallax/run"
	"github.com/parallax-ssl/parallax/torch"
)

// An encoder becomes an ONNX file. A real program names the directory of a run, and needs no Data.
func ExampleWrite() {
	dir, err := os.MkdirTemp("", "export")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	encoder := filepath.Join(dir, run.EncoderFile)
	if err := untrained(encoder); err != nil {
		fmt.Println(err)
		return
	}

	result, err := export.Write(context.Background(), export.Request{
		Run: encoder, Out: filepath.Join(dir, "encoder.onnx"), Data: "synthetic:8", License: "CC0-1.0",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Card.Format, "opset", result.Card.Opset, "->", result.Card.Output)
	for _, c := range result.Comparisons {
		fmt.Printf("%d images of %d x %d: %t\n", c.Images, c.Height, c.Width, c.Difference <= result.Tolerance)
	}
	// Output:
	// onnx opset 18 -> float32, N x 16
	// 1 images of 16 x 16: true
	// 2 images of 16 x 16: true
	// 7 images of 16 x 16: true
	// 1 images of 32 x 48: true
	// 2 images of 32 x 48: true
	// 7 images of 32 x 48: true
}

// untrained writes an encoder that learned nothing.
func untrained(path string) error {
	return torch.Scope(func() error {
		body, err := backbone.New("resnet8", 4, backbone.Small)
		if err != nil {
			return err
		}
		p := nn.NewParams(1, torch.F32)
		defer p.Free()
		body.Build(p)
		about := checkpoint.Encoder{Architecture: "resnet8", Width: 4, Stem: "small", Norm: "batch", Features: 16,
			Size: 16, Method: "simclr", Mean: []float64{0.5, 0.5, 0.5}, Std: []float64{0.2, 0.2, 0.2}}
		return run.WriteFile(path, func(w io.Writer) error { return nn.WriteStates(w, p.State(), about.Metadata()) })
	})
}
