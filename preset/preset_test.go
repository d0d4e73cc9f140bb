// SPDX-License-Identifier: Apache-2.0

package preset

import (
	"io/fs"
	"slices"
	"strings"
	"testing"
)

func TestFor(t *testing.T) {
	for _, c := range []struct {
		size, images int
		want         string
	}{
		{28, 60000, "cifar"}, {32, 50000, "cifar"}, {64, 100000, "cifar"}, {96, 105000, "imagenet100"},
		{224, 100, "imagenet100"}, {224, 126689, "imagenet100"}, {224, 1281167, "imagenet"}, {384, 1 << 24, "imagenet"},
	} {
		name, why := For(c.size, c.images)
		if name != c.want || !strings.Contains(why, "px") {
			t.Errorf("%d images of %d px get %s because of %q, want %s", c.images, c.size, name, why, c.want)
		}
	}
}

func TestNamesAreTheFiles(t *testing.T) {
	found, err := fs.Glob(files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, n := range Names {
		want = append(want, n+".yaml")
	}
	slices.Sort(want)
	if !slices.Equal(found, want) {
		t.Errorf("the files are %q, the names say %q", found, want)
	}
}

func TestSettings(t *testing.T) {
	settings, err := Settings("imagenet", "byol")
	if err != nil {
		t.Fatal(err)
	}
	if first := (Setting{"backbone.name", "resnet50"}); settings[0] != first {
		t.Errorf("the first setting is %v, want %v of the section all", settings[0], first)
	}
	if want := (Setting{"method.target_momentum", "0.99"}); !slices.Contains(settings, want) {
		t.Errorf("%v is not among %v", want, settings)
	}
	if others, err := Settings("imagenet", "none such"); err != nil || len(others) != 1 {
		t.Errorf("a method that the preset does not know gets %v, %v", others, err)
	}
	if _, err := Settings("imagnet", "byol"); err == nil || !strings.Contains(err.Error(),
		"the presets are imagenet, ") {
		t.Errorf("an unknown preset: %v", err)
	}
	about, err := About("cifar")
	if err != nil || !strings.HasPrefix(about, "solo-learn's settings for CIFAR-10") || strings.Contains(about, "#") {
		t.Errorf("cifar is about %q, %v", about, err)
	}
	if source, known, err := Source("cifar", "byol"); err != nil || !known ||
		source != "solo-learn; published accuracy 92.58" {
		t.Errorf("BYOL's values are from %q, %v, %v", source, known, err)
	}
}
