// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"os"
	"path/filepath"
	"testing"

	"github.com/parallax-ssl/parallax/config"
	"github.com/parallax-ssl/parallax/dataset"
)

// JPEG images are decoded as the run decoded them. Without its decoder another one is used, and a note says so.
func TestDecoderOfTheRun(t *testing.T) {
	folder := t.TempDir()
	picture := image.NewRGBA(image.Rect(0, 0, 31, 17))
	for i := range 31 * 17 {
		picture.Set(i%31, i/31, color.RGBA{uint8(i * 7), uint8(i * i), uint8(255 - i), 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, picture, nil); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "a.jpg"), b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	pixels := func(source *dataset.Source, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer source.Close()
		img, err := source.Image(0)
		if err != nil {
			t.Fatal(err)
		}
		return img.Pix
	}
	for decoder, as := range map[string]string{dataset.DecoderGo: dataset.DecoderGo, "": dataset.DecoderTurbo} {
		c := config.Default()
		c.Data.Path, c.Data.Decoder = folder, decoder
		s := &subject{config: &c}
		got := pixels(s.images())
		want := pixels(dataset.Open(folder, dataset.Options{Size: c.Data.Size, Decoder: as}))
		if !bytes.Equal(got, want) {
			t.Errorf("a run of decoder %q: the pixels are not those of %s", decoder, as)
		}
	}
	c := config.Default()
	c.Data.Path = filepath.Join(folder, "missing")
	s := &subject{config: &c}
	if _, err := s.images(); err == nil {
		t.Error("missing images: no error")
	}
}
