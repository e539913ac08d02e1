use kube::CustomResourceExt;
fn main() {
    print!("{}", serde_saphyr::to_string(&bcmp::api::BenchmarkComparison::crd()).unwrap_or_default());
}
