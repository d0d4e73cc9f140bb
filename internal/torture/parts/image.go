// SPDX-License-Identifier: Apache-2.0

package parts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/torture/campaign"
)

// imageFolders hold the sample files.
var imageFolders = []string{"internal/codec/testdata/images", "dataset/testdata/images"}

// decodeWithin is how long one damaged file may take.
const decodeWithin = 10 * time.Second

var images = campaign.Part{
	Name: "image",
	About: "every sample image cut at 100 places and with 1,000 flipped bits, and the matrix of formats against " +
		"Pillow; no panic, no hang, the same answer twice",
	Limits: map[string]float64{"seconds for an image": decodeWithin.Seconds()},
	Plan: func(b *campaign.Bench) (cases []campaign.Case, err error) {
		for _, folder := range imageFolders {
			files, err := os.ReadDir(filepath.Join(b.Root, filepath.FromSlash(folder)))
			if errors.Is(err, os.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			if b.Short {
				files = sample(b, files, 10)
			}
			for _, f := range files {
				path := filepath.Join(b.Root, filepath.FromSlash(folder), f.Name())
				add(&cases, f.Name(), func(ctx context.Context, _ string) campaign.Outcome {
					return spoiledImage(ctx, b, path)
				})
			}
		}
		if !b.Short {
			add(&cases, "matrix", func(ctx context.Context, dir string) campaign.Outcome {
				return matrix(ctx, b, dir)
			})
		}
		return cases, nil
	},
}

// spoiledImage decodes a file that is cut, and one with flipped bits, many times.
func spoiledImage(ctx context.Context, b *campaign.Bench, path string) (o campaign.Outcome) {
	data, err := os.ReadFile(path)
	if o.Failed(err) || len(data) == 0 {
		return o
	}
	r := b.Rand("image/" + filepath.Base(path))
	var all []damage
	for i := range b.Size(100, 10) {
		all = append(all, cut(i*len(data)/100))
	}
	for range b.Size(1000, 20) {
		all = append(all, flip(r.IntN(len(data)), uint(r.IntN(8))))
	}
	for _, d := range all {
		if ctx.Err() != nil {
			return o
		}
		spoiled := d.do(data)
		begin := time.Now()
		first, err := codec.Decode(spoiled, codec.Options{})
		took := time.Since(begin)
		o.Max("seconds for an image", took.Seconds())
		if took > decodeWithin {
			o.Fault("%s, %s: %v", filepath.Base(path), d.name, took)
		}
		again, errAgain := codec.Decode(spoiled, codec.Options{})
		switch {
		case !equal(first, again) || fmt.Sprint(err) != fmt.Sprint(errAgain):
			o.Fault("%s, %s: another answer the second time: %v, %v", filepath.Base(path), d.name, err, errAgain)
		case err == nil:
			o.Add("read", 1)
		case strings.Contains(err.Error(), "the decoder failed"):
			o.Add("panics that were caught", 1)
		case strings.Contains(err.Error(), "\n"):
			o.Fault("%s, %s: an error of several lines: %v", filepath.Base(path), d.name, err)
		default:
			o.Add("refused", 1)
		}
	}
	return o
}

func equal(a, b *augment.Image) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.W == b.W && a.H == b.H && bytes.Equal(a.Pix, b.Pix)
}

// matrix draws the matrix of formats by scripts/images.py, which needs Pillow, and compares.
func matrix(ctx context.Context, b *campaign.Bench, dir string) (o campaign.Outcome) {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	draw := exec.CommandContext(ctx, python, filepath.Join(b.Root, "scripts", "images.py"), dir)
	if out, err := draw.CombinedOutput(); err != nil {
		o.Skip = "scripts/images.py: " + strings.TrimSpace(lastLine(string(out)))
		return o
	}
	check := exec.CommandContext(ctx, "go", "run", "./internal/codec/matrix", dir)
	check.Dir = b.Root
	out, err := check.CombinedOutput()
	fmt.Fprintf(b.Say, "%s", out)
	if o.Add("matrices", 1); err != nil {
		o.Fault("the matrix of formats: %v", lastLine(string(out)))
	}
	return o
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}
