//! GPUs as nodes are labelled, and systems as the predictor calls them.

/// The label with a node's GPU product, as NVIDIA's feature discovery writes it.
pub const PRODUCT_LABEL: &str = "nvidia.com/gpu.product";

/// The predictor's name of the system with these GPUs; `None` for products that it may not know.
pub fn system_of(product: &str) -> Option<&'static str> {
    let product = product.to_uppercase();
    let is = |name: &str| product.contains(name);
    match () {
        () if is("GB300") => Some("gb300"),
        () if is("GB200") => Some("gb200"),
        () if is("NVL") => None,
        () if is("B300") => Some("b300_sxm"),
        () if is("B200") => Some("b200_sxm"),
        () if is("H200") => Some("h200_sxm"),
        () if is("H100") && is("PCIE") => Some("h100_pcie"),
        () if is("H100") => Some("h100_sxm"),
        () if is("A100") && is("PCIE") => Some("a100_pcie"),
        () if is("A100") => Some("a100_sxm"),
        () if is("A30") => Some("a30"),
        () if is("L40S") => Some("l40s"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("NVIDIA-H200", Some("h200_sxm"))]
    #[case("NVIDIA-H100-80GB-HBM3", Some("h100_sxm"))]
    #[case("NVIDIA-H100-PCIe", Some("h100_pcie"))]
    #[case("NVIDIA-H100-NVL", None)]
    #[case("NVIDIA-A100-SXM4-80GB", Some("a100_sxm"))]
    #[case("NVIDIA-A100-80GB-PCIe", Some("a100_pcie"))]
    #[case("NVIDIA-B200", Some("b200_sxm"))]
    #[case("NVIDIA-GB200", Some("gb200"))]
    #[case("Tesla-T4", None)]
    fn products_are_systems_of_the_predictor(#[case] product: &str, #[case] system: Option<&str>) {
        assert_eq!(system_of(product), system);
        // What the predictor answers when it is asked for a system that it does not know.
        let known = include_str!("../../tests/fixtures/aiconfigurator/driver/system.jsonl");
        assert!(system.is_none_or(|system| known.contains(&format!("\"{system}\""))), "{system:?}");
    }
}
