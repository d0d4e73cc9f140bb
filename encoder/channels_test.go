// SPDX-License-Identifier: Apache-2.0

package encoder_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/augment"
	"github.com/parallax-ssl/parallax/dataset"
	"github.com/parallax-ssl/parallax/encoder"
	"github.com/parallax-ssl/parallax/internal/codec/tiff/tifftest"
	"github.com/parallax-ssl/parallax/pretrain"
	"github.com/parallax-ssl/parallax/run"
)

// cubes writes n TIFF files of c channels, a blob in each at a place of its own: of uint16, or of floating-point
// numbers about 280.
func cubes(t *testing.T, n, c int, float bool) string {
	t.Helper()
	dir := t.TempDir()
	const side = 20
	for i := range n {
		values := make([]float32, side*side*c)
		for k := range values {
			x, y, channel := k/c%side, k/c/side, k%c
			dx, dy := float64(x-(3*i+5*channel)%side), float64(y-(7*i+2*channel)%side)
			values[k] = float32(280 + 20*math.Exp(-(dx*dx+dy*dy)/18) + float64((i*k*37)%11)/10)
		}
		data := tifftest.Float32(side, side, c, values)
		if !float {
			whole := make([]uint16, len(values))
			for k, v := range values {
				whole[k] = uint16(100 * (v - 270))
			}
			data = tifftest.Uint16(side, side, c, whole)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%03d.tif", i)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// errStop ends a run early.
var errStop = errors.New("stop")

// Runs on images of many channels equal, bit for bit, one that was interrupted, and their encoders open and embed.
func TestPretrainOnChannels(t *testing.T) {
	for _, c := range []struct {
		method, backbone string
		channels         int
		float            bool
		more             []pretrain.Setting
	}{
		{"simclr", "resnet8", 5, false, nil},
		{"byol", "resnet8", 2, true, nil},
		{"dino", "vit_tiny", 5, true, []pretrain.Setting{pretrain.Set("method.small_crops", 2),
			pretrain.Set("method.small_size", 8), pretrain.Set("method.outputs", 16),
			pretrain.Set("method.hidden", 16), pretrain.Set("method.bottleneck", 8),
			pretrain.Set("backbone.stem", "patch4")}},
	} {
		t.Run(c.method, func(t *testing.T) {
			data := cubes(t, 24, c.channels, c.float)
			request := &pretrain.Request{Preset: "tiny-cpu", Settings: append([]pretrain.Setting{
				pretrain.Set("data.path", data), pretrain.Set("data.channels", "keep"), pretrain.Set("data.size", 16),
				pretrain.Set("method.name", c.method), pretrain.Set("backbone.name", c.backbone),
				pretrain.Set("backbone.width", 4), pretrain.Set("train.batch", 8), pretrain.Set("train.max_steps", 4),
				pretrain.Set("train.threads", 1), pretrain.Set("train.precision", "float32"),
				pretrain.Set("optim.warmup_steps", 0), pretrain.Set("train.save_every", 2),
			}, c.more...)}
			var notes []string
			whole, parts := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "parts")
			if _, err := pretrain.Run(context.Background(), request, pretrain.Options{Out: whole,
				Note: func(text string) { notes = append(notes, text) }}); err != nil {
				t.Fatal(err)
			}
			kind := "uint16"
			if c.float {
				kind = "float32"
			}
			told := strings.Join(notes, "\n")
			for _, want := range []string{fmt.Sprintf("images keep %d channels of %s", c.channels, kind),
				"channel_jitter for color_jitter", "channel_mean for grayscale"} {
				if !strings.Contains(told, want) {
					t.Errorf("the start does not say %q: %s", want, told)
				}
			}
			ctx, cancel := context.WithCancelCause(context.Background())
			stop := func(e run.Event) {
				if e.Step >= 2 {
					cancel(errStop)
				}
			}
			_, err := pretrain.Run(ctx, request, pretrain.Options{Out: parts, Watch: []func(run.Event){stop}})
			if !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			if _, err := pretrain.Resume(context.Background(), parts, nil, pretrain.Options{}); err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(whole, run.EncoderFile))
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(filepath.Join(parts, run.EncoderFile))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Error("the encoder of the interrupted run is another one")
			}
			embedChannels(t, whole, data, c.channels, kind)
		})
	}
}

// embedChannels embeds the images of a finished run, in files and as the run reads them.
func embedChannels(t *testing.T, dir, data string, channels int, kind string) {
	t.Helper()
	e, err := encoder.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	about := e.Describe()
	if about.Channels() != channels || about.Kept != "keep" || about.Samples != kind || len(about.Std) != channels {
		t.Errorf("described as %+v", about)
	}
	source, err := dataset.Open(data, dataset.Options{Channels: about.Kept})
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	var images []*augment.Image
	for i := range 5 {
		file, err := os.ReadFile(filepath.Join(data, source.Name(i)))
		if err != nil {
			t.Fatal(err)
		}
		decoded, err := e.Decode(file)
		if err != nil {
			t.Fatal(err)
		}
		read, err := source.Image(i)
		if err != nil {
			t.Fatal(err)
		}
		images = append(images, decoded, read)
	}
	rows, err := e.Embed(context.Background(), images)
	if err != nil {
		t.Fatal(err)
	}
	same := true
	for i := 0; i < len(rows); i += 2 {
		for k, v := range rows[i] {
			if v-v != 0 || v != rows[i+1][k] {
				t.Fatalf("image %d: feature %d is %v of the file and %v of the data set", i/2, k, v, rows[i+1][k])
			}
			same = same && v == rows[0][k]
		}
	}
	if same {
		t.Error("all images have the same features")
	}
	takes := fmt.Sprintf("%d channels of %s", channels, kind)
	for want, img := range map[string]*augment.Image{
		"is 8-bit RGB, and the encoder takes " + takes: augment.NewImage(20, 20),
		"has 1 channel of uint8, and the encoder takes " + takes: {W: 1, H: 1, C: 1, Deep: make([]float32, 1),
			Samples: "uint8"},
		"0 values for 1x1 pixels": {W: 1, H: 1, C: channels, Deep: []float32{}},
	} {
		if _, err := e.Embed(context.Background(), []*augment.Image{img}); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
