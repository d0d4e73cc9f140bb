// SPDX-License-Identifier: Apache-2.0

package collapse

// Assignments describes how n images are assigned to K clusters, prototypes or teacher outputs: rows p_i of probabilities,
// whose mean over images is p̄. Entropies are in nats. Two ways to collapse look the same to a loss: all images in one cluster
// (Marginal near 0), and every image in all clusters alike (Individual near ln K). Information is 0 in both.
type Assignments struct {
	Rows     int `json:"rows"`     // n
	Clusters int `json:"clusters"` // K

	Marginal    float64 `json:"marginal_entropy"`   // H(p̄), 0 to ln K
	Perplexity  float64 `json:"perplexity"`         // exp H(p̄), 1 to K: how many clusters are in use, as it were
	Individual  float64 `json:"individual_entropy"` // the mean of H(p_i): 0 when assignments are hard, ln K when they say nothing
	Information float64 `json:"mutual_information"` // I(image; cluster), the mean of KL(p_i‖p̄), which is Marginal - Individual
	TopShare    float64 `json:"top_share"`          // the largest p̄_k, 1/K to 1
	Used        int     `json:"used"`               // clusters that are the largest p_i of some image
}
