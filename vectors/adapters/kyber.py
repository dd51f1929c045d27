"""The fourth adapter: kyber-py, for ML-KEM in all three sizes and with given randomness."""

from __future__ import annotations

from vectors.adapters import Input, Refused, Unsupported


class KyberAdapter:
    """Replays ML-KEM against kyber-py, where it is installed (it is among the developers' packages)."""

    name = "kyber-py"

    def answer(self, operation: str, inputs: dict[str, Input]) -> dict[str, Input]:
        if not operation.startswith("kem-"):
            raise Unsupported(operation)
        try:
            from kyber_py import ml_kem  # type: ignore[import-untyped]
        except ImportError as error:
            raise Unsupported("kyber-py is not installed") from error
        scheme = getattr(ml_kem, str(inputs["group"]).replace("-", "_"), None)
        if scheme is None:
            raise Unsupported(str(inputs["group"]))
        try:
            if operation == "kem-encapsulate":
                # what ML_KEM.encaps does, with the randomness of the vector in place of its own
                secret, ciphertext = scheme._encaps_internal(inputs["public"], inputs["message"])
                return {"ciphertext": ciphertext, "shared": secret}
            public, private = scheme.key_derive(inputs["seed"])
            return {"public": public, "shared": scheme.decaps(private, inputs["ciphertext"])}
        except ValueError as error:
            raise Refused(str(error)) from error

    def close(self) -> None:
        pass
