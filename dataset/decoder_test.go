// SPDX-License-Identifier: Apache-2.0

package dataset

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parallax-ssl/parallax/internal/codec"
	"github.com/parallax-ssl/parallax/internal/turbojpeg"
)

// A JPEG and a PNG file of package codec's test data.
const (
	jpegFile = "jpeg_420.jpg"
	pngFile  = "png_rgb.png"
)

func readTestImage(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../internal/codec/testdata/images", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// pictures is a folder with one image of the test data, under a new name.
func pictures(t *testing.T, from, name string) string {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, name), readTestImage(t, from))
	return dir
}

// The pixels are those of the decoder that Options names.
func TestOptionsNameTheDecoder(t *testing.T) {
	file := jpegFile
	dir := pictures(t, file, "a.jpg")
	want := map[string]func() ([]uint8, error){}
	for _, decoder := range []string{DecoderGo, DecoderTurbo} {
		want[decoder] = func() ([]uint8, error) {
			img, err := codec.Decode(readTestImage(t, file), codec.Options{JPEG: decoder})
			if err != nil {
				return nil, err
			}
			return img.Pix, nil
		}
	}
	if turbojpeg.Available() != nil {
		delete(want, DecoderTurbo)
	}
	want[""] = want[DefaultDecoder()]
	for decoder, pixels := range want {
		s, err := Open(dir, Options{Decoder: decoder})
		if err != nil {
			t.Fatal(err)
		}
		img, err := s.Image(0)
		if err != nil {
			t.Fatal(err)
		}
		expected, err := pixels()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(img.Pix, expected) || !s.JPEG() {
			t.Errorf("decoder %q: other pixels, or JPEG says %v", decoder, s.JPEG())
		}
		s.Close()
	}
	if _, err := Open(dir, Options{Decoder: "mozjpeg"}); !errors.Is(err, ErrDecoder) || !strings.HasSuffix(err.Error(), `there is no decoder "mozjpeg": the decoders are turbojpeg and go`) {
		t.Errorf("error %v", err)
	}
}

// TestDecoderThatIsNotThere runs itself in a process that finds no libjpeg-turbo: only JPEG images need it.
func TestDecoderThatIsNotThere(t *testing.T) {
	const child = "PARALLAX_TEST_NO_TURBOJPEG"
	if os.Getenv(child) == "" {
		c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		c.Env = append(os.Environ(), child+"=1", "LIBTURBOJPEG="+filepath.Join(t.TempDir(), "none.so"))
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	if DefaultDecoder() != DecoderGo {
		t.Fatalf("the default is %s", DefaultDecoder())
	}
	if _, err := Open(pictures(t, jpegFile, "a.jpg"), Options{Decoder: DecoderTurbo}); !errors.Is(err,
		ErrDecoder) || !strings.Contains(err.Error(), "apt-get install libturbojpeg0") {
		t.Errorf("error %v", err)
	}
	for path, name := range map[string]string{pictures(t, pngFile, "a.png"): "PNG", "synthetic:10": "synthetic"} {
		s, err := Open(path, Options{Decoder: DecoderTurbo})
		if err != nil || s.JPEG() {
			t.Errorf("%s images need no decoder of JPEG: %v", name, err)
			continue
		}
		if _, err := s.Image(0); err != nil {
			t.Error(err)
		}
		s.Close()
	}
}
