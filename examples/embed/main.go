// SPDX-License-Identifier: Apache-2.0

// Command embed prints the features of images by the encoder of a run, one line per image.
//
//	go run ./examples/pretrain
//	go run ./examples/embed runs/example IMAGE...
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/encoder"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "embed: give a run directory or an encoder.safetensors, then images")
		os.Exit(2)
	}
	if err := embed(context.Background(), os.Stdout, os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "embed: "+err.Error())
		os.Exit(1)
	}
}

// embed writes the file name and the features of every image.
func embed(ctx context.Context, out io.Writer, path string, files []string) error {
	e, err := encoder.Open(path)
	if err != nil {
		return err
	}
	defer e.Close()
	images := make([]*augment.Image, len(files))
	for i, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		if images[i], err = dataset.Decode(data, 0); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	rows, err := e.Embed(ctx, images)
	for i, row := range rows {
		fmt.Fprintln(out, files[i], strings.Trim(fmt.Sprint(row), "[]"))
	}
	return err
}
