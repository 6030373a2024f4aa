import Foundation

// The Objective-C runtime's, which comes with Apple's WebKit ("objc_setAssociatedObject(_:_:_:_:)"): what lives as long as its
// owner. Here an owner is one of this module's objects.

open class WKObject: NSObject {
  nonisolated(unsafe) fileprivate var associated: [UnsafeRawPointer: Any] = [:]
}

public enum objc_AssociationPolicy: Sendable { case OBJC_ASSOCIATION_RETAIN_NONATOMIC }

public func objc_setAssociatedObject(
  _ object: Any, _ key: UnsafeRawPointer, _ value: Any?, _ policy: objc_AssociationPolicy
) {
  (object as? WKObject)?.associated[key] = value
}

public func objc_getAssociatedObject(_ object: Any, _ key: UnsafeRawPointer) -> Any? {
  (object as? WKObject)?.associated[key]
}
