// SPDX-License-Identifier: Apache-2.0

package golden

import "github.com/parallax-ssl/parallax/internal/golden/views"

// RunAugment runs every augmentation case of dir/manifest.json except those for reference. It returns an error if the
// manifest itself cannot be read.
func RunAugment(dir string) ([]Result, error) {
	cases, err := views.Cases(dir)
	if err != nil {
		return nil, err
	}
	results := make([]Result, len(cases))
	for i, c := range cases {
		results[i].ID = c.ID()
		results[i].Skip, results[i].Err = c.Run()
	}
	return results, nil
}
